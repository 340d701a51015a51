"""An environment that is not the one its task describes is refused at its reset, with what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest

from mbrl_fast.data import collect
from mbrl_fast.episode import run_episode
from mbrl_fast.spaces import check_spaces
from mbrl_fast.tasks import GymTask


class Changing(gymnasium.Env[Any, Any]):
    """Rests at zero; `change` may alter it before each reset, told how many there were."""

    def __init__(self, change: Callable[[Changing, int], None]) -> None:
        self.observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
        self.action_space: Any = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
        self.change, self.resets = change, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.change(self, self.resets)
        self.resets, self.steps = self.resets + 1, 0
        return np.zeros(self.observation_space.shape or (), np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return np.zeros(self.observation_space.shape or (), np.float32), 0.0, self.steps == 3, False, {}


@dataclass(frozen=True)
class Rest(GymTask):
    """A task of two numbers and one action, whose environment changes."""

    change: Callable[[Changing, int], None] = lambda env, resets: None
    reads: int | None = None

    name: ClassVar[str] = "rest"
    dt: ClassVar[float] = 0.1
    state_size: ClassVar[int] = 2
    action_size: ClassVar[int] = 1
    action_limit: ClassVar[float] = 1.0

    def _make(self, render_mode: str | None) -> Changing:
        return Changing(self.change)

    def observe(self, observation: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Reads whatever is there: the check after the reset is what refuses it."""
        return np.asarray(observation, np.float32)[: self.reads], {}

    def tracker(self) -> Any:
        raise AssertionError("refused before an episode is tracked")


def later(space: str, box: Any) -> Callable[[Changing, int], None]:
    """Changes a space at the second reset."""
    return lambda env, resets: setattr(env, space, box) if resets == 1 else None


CHANGES = [
    (
        later("action_space", gymnasium.spaces.Box(-1, 1, (2,), np.float32)),
        r"^the environment's actions must have shape \(1,\), as the task says, got Box\(-1.0, 1.0, \(2,\), float32\)$",
    ),
    (
        later("action_space", gymnasium.spaces.Discrete(2)),
        r"^the environment's actions must have shape \(1,\), as the task says, got Discrete\(2\)$",
    ),
    (
        later("action_space", gymnasium.spaces.Box(-1, 0.5, (1,), np.float32)),
        r"^the environment's actions must be bounded by \[-1.0\] to \[1.0\], as the task says, got Box\(-1.0, 0.5, \(1,\), ",
    ),
    (
        later("observation_space", gymnasium.spaces.Box(-1, 1, (3,), np.float32)),
        r"^the environment's state must have shape \(2,\), as the task says, got shape \(3,\)$",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), CHANGES)
def test_spaces_that_change_between_resets_end_the_collecting_with_a_sentence(
    change: Callable[[Changing, int], None], sentence: str
) -> None:
    assert len(collect(Rest(change=change), 3, progress=False)) == 3
    with pytest.raises(ValueError, match=sentence):
        collect(Rest(change=change), 4, progress=False)


@pytest.mark.parametrize(("change", "sentence"), CHANGES)
def test_an_episode_in_another_environment_than_the_tasks_does_not_begin(
    change: Callable[[Changing, int], None], sentence: str
) -> None:
    class Never:
        def reset(self) -> None: ...

        def act(self, observation: Any) -> Any:
            raise AssertionError("refused before the first action")

    task = Rest(change=lambda env, resets: change(env, 1))
    object.__setattr__(task, "tracker", lambda: None)
    with pytest.raises(ValueError, match=sentence):
        run_episode(Never(), task, 0)


def test_what_a_task_reads_must_have_its_size_even_where_the_environment_is_as_ever() -> None:
    with pytest.raises(ValueError, match=r"^the environment's state must have shape \(2,\), as the task says, got shape \(1,\)$"):
        collect(Rest(reads=1), 1, progress=False)


def test_an_environment_without_spaces_is_taken_as_it_is() -> None:
    check_spaces(object(), Rest(), np.zeros(7, np.float32))
