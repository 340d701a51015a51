"""Whether an environment is still the one that a task describes. NumPy alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_spaces(env: Any, task: Any, state: NDArray[np.float32]) -> None:
    """Raise ValueError if an environment's actions or its state are not what the task says; loops ask after every reset.

    Args:
        env: a gymnasium environment; one without an action space is taken as it is.
        task: says `action_low`, `action_high` and `state_size`.
        state: [S], what the task reads of the observation after the reset.
    """
    space = getattr(env, "action_space", None)
    if space is None:
        return
    low, high = np.asarray(task.action_low), np.asarray(task.action_high)
    if space.shape != low.shape:
        raise ValueError(f"the environment's actions must have shape {low.shape}, as the task says, got {space}")
    if not (np.array_equal(space.low, low) and np.array_equal(space.high, high)):
        bounds = f"{low.tolist()} to {high.tolist()}"
        raise ValueError(f"the environment's actions must be bounded by {bounds}, as the task says, got {space}")
    if state.shape != (task.state_size,):
        raise ValueError(f"the environment's state must have shape ({task.state_size},), as the task says, got shape {state.shape}")
