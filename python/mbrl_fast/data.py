"""Gathering transitions, at random or with an agent. NumPy only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from .spaces import check_spaces
from .transitions import TYPES, Transitions, concatenate

__all__ = ["Driver", "Task", "Transitions", "collect", "collect_with", "concatenate"]

Array = NDArray[np.float32]


class Task(Protocol):
    """What gathering needs of a task (``tasks.Parking`` is one)."""

    @property
    def action_low(self) -> Array: ...
    @property
    def action_high(self) -> Array: ...
    def make_env(self, render_mode: str | None = None, stop_at_success: bool = False) -> Any: ...
    def observe(self, observation: Any) -> tuple[Array, dict[str, Array]]: ...


class Driver(Protocol):
    """What drives (``Agent`` does)."""

    def act(self, observation: Any) -> Array: ...
    def reset(self) -> None: ...


Choose = Callable[[Any], Array]


def collect(
    task: Task, transitions: int = 2000, seed: int = 0, action_repeat: int = 2, progress: bool = True, max_steps: int | None = None
) -> Transitions:
    """Drive at random, as the parking notebook does: each uniform action is held for ``action_repeat`` steps.

    Args:
        task: makes the environment and reads its observations. transitions: how many steps. seed: determines everything.
        action_repeat: steps per drawn action. progress: show a bar.
        max_steps: of an episode, None for as many as the environment allows. Short ones see more of the states to start from.

    Returns:
        Exactly ``transitions`` rows. An episode ends where the environment ends it, also in the middle of a held action.
    """
    for name, value in (("transitions", transitions), ("action_repeat", action_repeat), ("max_steps", max_steps)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {name}={value}")
    generator = np.random.default_rng(seed)
    steps, action = 0, task.action_low

    def choose(observation: Any) -> Array:
        nonlocal steps, action
        if steps % action_repeat == 0:
            action = generator.uniform(task.action_low, task.action_high).astype(np.float32)
        steps += 1
        return action

    return _gather(task, transitions, choose, lambda: int(generator.integers(2**31)), True, max_steps, progress)


def collect_with(
    agent: Driver, task: Task, transitions: int, seed: int = 0, exploration: float = 0.1, max_steps: int = 60, progress: bool = True
) -> Transitions:
    """Drive with an agent, a little off what it wants: what a model must know to plan well is where its plans lead.

    Args:
        agent: acts on observations; it is reset before every episode. task, transitions, seed, progress: as for ``collect``.
        exploration: standard deviation of the normal noise on each action, in units of half its range; actions stay within bounds.
        max_steps: of an episode, so that a car that waits does not fill the data. Success does not end it: coming to rest in the
            spot is part of parking.

    Returns:
        Exactly ``transitions`` rows.
    """
    for name, value in (("transitions", transitions), ("max_steps", max_steps)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {name}={value}")
    if not 0.0 <= exploration < float("inf"):
        raise ValueError(f"exploration must be finite and not negative, got exploration={exploration}")
    generator = np.random.default_rng(seed)
    low, high = task.action_low, task.action_high

    def choose(observation: Any) -> Array:
        noise = exploration * 0.5 * (high - low) * generator.normal(size=low.shape)
        return np.clip(agent.act(observation) + noise, low, high).astype(np.float32)

    def new_episode() -> int:
        agent.reset()
        return int(generator.integers(2**31))

    return _gather(task, transitions, choose, new_episode, False, max_steps, progress)


def _gather(
    task: Task, transitions: int, choose: Choose, new_episode: Callable[[], int], stop_at_success: bool, max_steps: int | None,
    progress: bool,
) -> Transitions:  # fmt: skip
    """The one loop: `choose` gives an action for an observation, `new_episode` the seed of a reset."""
    rows: list[tuple[Any, ...]] = []  # in the order of TYPES
    env, episode, state, steps = task.make_env(stop_at_success=stop_at_success), -1, None, 0
    try:
        with tqdm(total=transitions, desc="collecting", unit="step", disable=not progress) as bar:
            while len(rows) < transitions:
                if state is None:
                    observation, _ = env.reset(seed=new_episode())
                    state, episode, steps = task.observe(observation)[0], episode + 1, 0
                    check_spaces(env, task, state)
                action = choose(observation)
                observation, reward, terminated, truncated, info = env.step(action.copy())  # highway-env keeps the array
                next_state, steps = task.observe(observation)[0], steps + 1
                crashed = bool(info.get("crashed", False))
                rows.append((state, action, next_state, episode, crashed, reward, terminated))
                state = None if terminated or truncated or steps == max_steps else next_state
                bar.update()
    finally:
        env.close()
    columns = zip(TYPES.items(), zip(*rows, strict=True), strict=True)
    return Transitions(**{name: np.array(column, kind) for (name, kind), column in columns})
