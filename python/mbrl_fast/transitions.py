"""Transitions: what happened, row by row; split by episode, kept in a file. NumPy only."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

TYPES = {
    "states": "f4", "actions": "f4", "next_states": "f4", "episodes": "i8", "crashed": "?", "rewards": "f4", "terminated": "?"
}  # fmt: skip
"""Columns and their types."""
_OLDER = frozenset({"states", "actions", "next_states", "episodes", "crashed"})
"""Columns of a file from before rewards were kept."""


@dataclass(frozen=True)
class Transitions:
    """What happened, one row a step, in the order of time.

    Args:
        states: [N, S]; actions: [N, A]; next_states: [N, S], float32 and finite.
        episodes: [N] int64, the same number for the rows of one episode.
        crashed: [N] bool, whether the car had crashed at the end of the step: a crash is not what a model should learn.
        rewards: [N] float32, the environment's; NaN where it is not known, as everywhere when left out.
        terminated: [N] bool, whether the environment ended the episode with this step because of where it led, not because time
            was up; False everywhere when left out.
    """

    states: Array
    actions: Array
    next_states: Array
    episodes: NDArray[np.int64]
    crashed: NDArray[np.bool_]
    rewards: Array = None  # type: ignore[assignment] # filled in below, so that readers never meet None
    terminated: NDArray[np.bool_] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.rewards is None:
            object.__setattr__(self, "rewards", np.full(len(self.states), np.nan, np.float32))
        if self.terminated is None:
            object.__setattr__(self, "terminated", np.zeros(len(self.states), np.bool_))
        for name in ("states", "actions", "next_states"):
            values = getattr(self, name)
            if values.ndim != 2 or len(values) != len(self.states):
                raise ValueError(f"{name} must have shape [{len(self.states)}, size], got shape {values.shape}")
            if not np.isfinite(values).all():
                row, column = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
                raise ValueError(f"{name} must be finite, got {values[row, column]} at row {row}, column {column}")
        if self.next_states.shape != self.states.shape:
            raise ValueError(f"next_states must have the shape of states {self.states.shape}, got {self.next_states.shape}")
        for name in ("episodes", "crashed", "rewards", "terminated"):
            if getattr(self, name).shape != (len(self.states),):
                raise ValueError(f"{name} must have shape ({len(self.states)},), got shape {getattr(self, name).shape}")
        if np.isinf(self.rewards).any():
            row = int(np.flatnonzero(np.isinf(self.rewards))[0])
            raise ValueError(f"rewards must be finite, or NaN where unknown, got {self.rewards[row]} at row {row}")

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, rows: Any) -> Transitions:
        """The chosen rows: a slice, an index array or a mask [N]."""
        return Transitions(*(getattr(self, field.name)[rows] for field in fields(self)))

    def clean(self) -> Transitions:
        """Without the steps that ended in a crash."""
        return self[~self.crashed]

    def split(self, fraction: float = 0.1, seed: int = 0, by: str = "episode") -> tuple[Transitions, Transitions]:
        """Split by whole episodes, so that no validation step has a neighbour in the training part, or step by step.

        Args:
            fraction: of the steps that the second part should reach, in (0, 1). seed: which episodes or steps go there.
            by: "episode" or "step".

        Returns:
            The training part and the validation part, neither empty. ValueError if there are fewer than two episodes or steps.
        """
        if not 0.0 < fraction < 1.0:
            raise ValueError(f"fraction must be between 0 and 1, got fraction={fraction}")
        if by not in ("episode", "step"):
            raise ValueError(f'by must be "episode" or "step", got by={by!r}')
        of = self.episodes if by == "episode" else np.arange(len(self))
        names, counts = np.unique(of, return_counts=True)
        if len(names) < 2:
            raise ValueError(f"splitting by {by} needs at least 2 {by}s, got {len(names)}")
        order = np.random.default_rng(seed).permutation(len(names))
        taken = 1 + int(np.searchsorted(np.cumsum(counts[order]), fraction * len(self)))
        chosen = np.isin(of, names[order[: min(taken, len(names) - 1)]])
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
        """Read what ``save`` wrote. ValueError names the file and what is wrong with it.

        A file of an older version has no rewards and no terminations: they are NaN and False then, as if left out.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"no transitions at {path}: the file does not exist")
        try:
            # opened here, because np.load leaves the file of a damaged archive open
            with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                names = _OLDER if set(file.files) == _OLDER else TYPES
                columns = {name: file[name] for name in names}
        except KeyError as error:
            raise ValueError(f"{path} holds no transitions: {error.args[0]}") from error
        except Exception as error:  # zip, zlib, struct and NumPy each have their own for a damaged file
            raise ValueError(f"{path} is damaged or not a file of transitions ({error})") from error
        for name, column in columns.items():
            if column.dtype != np.dtype(TYPES[name]):
                raise ValueError(f"{path}: {name} must be {np.dtype(TYPES[name])}, got {column.dtype}")
        return cls(**columns)


def concatenate(parts: list[Transitions]) -> Transitions:
    """All parts after one another; episodes are renumbered so that none of two parts are taken for one."""
    if not parts:
        raise ValueError("concatenate needs at least one part, got none")
    numbers, offset = [], 0
    for part in parts:
        numbers.append(np.unique(part.episodes, return_inverse=True)[1].astype(np.int64) + offset)
        offset = int(numbers[-1].max(initial=offset - 1)) + 1
    columns = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Transitions)}
    return Transitions(**{**columns, "episodes": np.concatenate(numbers)})
