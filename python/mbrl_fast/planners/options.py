"""What a planner is asked besides the state and its inputs."""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import ArrayLike


class Options(NamedTuple):
    """What holds for one plan, see :meth:`Planner.plan`; in the order in which the core takes it."""

    previous_action: ArrayLike | None = None
    elapsed: float = 1.0
    deadline_ms: float | None = None
    max_tiles: int | None = None
    delay: float | None = None
    committed: ArrayLike | None = None
    candidates: ArrayLike | None = None
    action_low: ArrayLike | None = None
    action_high: ArrayLike | None = None
    temperature: float | None = None
