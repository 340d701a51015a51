"""Transitions: gathering them at random or with an agent, splitting them by episode, keeping them in a file. NumPy only."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

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


@dataclass(frozen=True)
class Transitions:
    """What happened, one row a step, in the order of time.

    Args:
        states: [N, S]; actions: [N, A]; next_states: [N, S], float32 and finite.
        episodes: [N] int64, the same number for the rows of one episode.
        crashed: [N] bool, whether the car had crashed at the end of the step: a crash is not what a model should learn.
    """

    states: Array
    actions: Array
    next_states: Array
    episodes: NDArray[np.int64]
    crashed: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name in ("states", "actions", "next_states"):
            values = getattr(self, name)
            if values.ndim != 2 or len(values) != len(self.states):
                raise ValueError(f"{name} must have shape [{len(self.states)}, size], got shape {values.shape}")
            if not np.isfinite(values).all():
                row, column = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
                raise ValueError(f"{name} must be finite, got {values[row, column]} at row {row}, column {column}")
        if self.next_states.shape != self.states.shape:
            raise ValueError(f"next_states must have the shape of states {self.states.shape}, got {self.next_states.shape}")
        for name in ("episodes", "crashed"):
            if getattr(self, name).shape != (len(self.states),):
                raise ValueError(f"{name} must have shape ({len(self.states)},), got shape {getattr(self, name).shape}")

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, rows: Any) -> Transitions:
        """The chosen rows: a slice, an index array or a mask [N]."""
        return Transitions(*(getattr(self, field.name)[rows] for field in fields(self)))

    def clean(self) -> Transitions:
        """Without the steps that ended in a crash."""
        return self[~self.crashed]

    def split(self, fraction: float = 0.1, seed: int = 0) -> tuple[Transitions, Transitions]:
        """Split by whole episodes, so that no validation step has a neighbour in the training part.

        Args:
            fraction: of the steps that the second part should reach, in (0, 1). seed: which episodes go there.

        Returns:
            The training part and the validation part, neither empty. ValueError if there are fewer than two episodes.
        """
        if not 0.0 < fraction < 1.0:
            raise ValueError(f"fraction must be between 0 and 1, got fraction={fraction}")
        names, counts = np.unique(self.episodes, return_counts=True)
        if len(names) < 2:
            raise ValueError(f"splitting by episode needs at least 2 episodes, got {len(names)}")
        order = np.random.default_rng(seed).permutation(len(names))
        taken = 1 + int(np.searchsorted(np.cumsum(counts[order]), fraction * len(self)))
        chosen = np.isin(self.episodes, names[order[: min(taken, len(names) - 1)]])
        return self[~chosen], self[chosen]

    def windows(self, length: int) -> NDArray[np.int64]:
        """[W] first rows of the runs of ``length`` steps that follow one another within an episode."""
        if length < 1:
            raise ValueError(f"length must be at least 1, got length={length}")
        if len(self) < length:
            return np.zeros(0, dtype=np.int64)
        same = (self.episodes[1:] == self.episodes[:-1]) & (self.next_states[:-1] == self.states[1:]).all(1)
        run = np.concatenate([[0], np.cumsum(same)])
        starts = np.arange(len(self) - length + 1)
        unbroken = run[starts + length - 1] - run[starts] == length - 1
        return np.asarray(starts[unbroken], dtype=np.int64)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.npz`` file: first beside its place, then renamed into it, so that a file is never half written."""
        path = Path(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                np.savez_compressed(file, **{field.name: getattr(self, field.name) for field in fields(self)})
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Transitions:
        """Read what ``save`` wrote. ValueError names the file and what is wrong with it."""
        if not Path(path).is_file():
            raise FileNotFoundError(f"no transitions at {path}: the file does not exist")
        try:
            # opened here, because np.load leaves the file of a damaged archive open
            with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                columns = {field.name: file[field.name] for field in fields(cls)}
        except KeyError as error:
            raise ValueError(f"{path} holds no transitions: {error.args[0]}") from error
        except Exception as error:  # zip, zlib, struct and NumPy each have their own for a damaged file
            raise ValueError(f"{path} is damaged or not a file of transitions ({error})") from error
        for name, kind in (("states", "f4"), ("actions", "f4"), ("next_states", "f4"), ("episodes", "i8"), ("crashed", "?")):
            if columns[name].dtype != np.dtype(kind):
                raise ValueError(f"{path}: {name} must be {np.dtype(kind)}, got {columns[name].dtype}")
        return cls(**columns)


def concatenate(parts: list[Transitions]) -> Transitions:
    """All parts after one another; episodes are renumbered so that none of two parts are taken for one."""
    if not parts:
        raise ValueError("concatenate needs at least one part, got none")
    numbers, offset = [], 0
    for part in parts:
        numbers.append(np.unique(part.episodes, return_inverse=True)[1].astype(np.int64) + offset)
        offset += int(numbers[-1].max(initial=-1)) + 1
    return Transitions(
        states=np.concatenate([part.states for part in parts]),
        actions=np.concatenate([part.actions for part in parts]),
        next_states=np.concatenate([part.next_states for part in parts]),
        episodes=np.concatenate(numbers),
        crashed=np.concatenate([part.crashed for part in parts]),
    )


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
    rows: list[tuple[Array, Array, Array, int, bool]] = []
    env, episode, state, steps = task.make_env(stop_at_success=stop_at_success), -1, None, 0
    try:
        with tqdm(total=transitions, desc="collecting", unit="step", disable=not progress) as bar:
            while len(rows) < transitions:
                if state is None:
                    observation, _ = env.reset(seed=new_episode())
                    state, episode, steps = task.observe(observation)[0], episode + 1, 0
                action = choose(observation)
                observation, _, terminated, truncated, info = env.step(action.copy())  # highway-env keeps the array it is given
                next_state, steps = task.observe(observation)[0], steps + 1
                rows.append((state, action, next_state, episode, bool(info.get("crashed", False))))
                state = None if terminated or truncated or steps == max_steps else next_state
                bar.update()
    finally:
        env.close()
    states, actions, next_states, episodes, crashed = zip(*rows, strict=True)
    return Transitions(
        np.stack(states), np.stack(actions), np.stack(next_states), np.array(episodes, np.int64), np.array(crashed, np.bool_)
    )
