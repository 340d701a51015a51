"""PETS runs of a few seconds: short episodes of the pendulum, tiny networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from mbrl_fast.online import Learnt, PETSSettings, make_settings
from mbrl_fast.tasks import Pendulum
from mbrl_fast.transitions import TYPES


def small(**given: Any) -> PETSSettings:
    """Settings of a run of three trials of 30 steps."""
    planner = {"horizon": 6, "population": 24, "elites": 4, "iterations": 2, "steps_per_knot": 1}
    usual = {
        "trials": 3, "max_steps": 30, "members": 2, "hidden_sizes": (8, 8), "epochs": 4, "particles": 0, "planner": "cem",
        "planner_settings": planner,
    }  # fmt: skip
    return make_settings("pendulum", **{**usual, **given})


def same_data(left: Learnt, right: Learnt) -> None:
    """Assert that every column is equal, bit for bit."""
    for name in TYPES:
        np.testing.assert_array_equal(getattr(left.data, name), getattr(right.data, name), err_msg=name)


class Interrupted(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment to which something happens at one of its steps."""

    def __init__(self, env: gymnasium.Env[Any, Any], step: int, happens: Callable[[], None]) -> None:
        super().__init__(env)
        self.left, self.happens = step, happens

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Let it happen, or go on as usual."""
        self.left -= 1
        if self.left == 0:
            self.happens()
        return self.env.step(action)


@dataclass(frozen=True)
class Fragile(Pendulum):
    """The pendulum, until something happens at a step of an episode; episodes count from 0, the exploration's among them."""

    episode: int = 0
    step: int = 10
    happens: Callable[[], None] = lambda: None
    made: list[int] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "made", [])

    def make_env(self, render_mode: str | None = None, stop_at_success: bool = False) -> Any:
        """The environment of the next episode."""
        env = super().make_env(render_mode, stop_at_success)
        self.made.append(1)
        return Interrupted(env, self.step, self.happens) if len(self.made) == self.episode + 1 else env
