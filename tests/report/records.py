"""Episodes and runs of many shapes, made by hand: for tests of what is drawn and written about them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mbrl_fast.episode import Episode
from mbrl_fast.tasks import Pendulum


def pendulum_episode(seed: int = 3, steps: int = 6, *, wrong_at: int | None = None, plans: bool = True, **metrics: Any) -> Episode:
    """A rod that falls evenly, with plans of three steps that foresee it, but the one of step `wrong_at`."""
    theta = 0.1 * np.arange(steps + 4, dtype=np.float32)
    path = np.stack([np.cos(theta), np.sin(theta), 2.0 + theta], axis=-1)
    planned = [path[step : step + 4].copy() for step in range(steps)] if plans else []
    if wrong_at is not None:
        planned[wrong_at][1:, 2] += 5.0
    return Episode(
        seed=seed, states=path[: steps + 1], actions=np.full((steps, 1), 0.5, np.float32), rewards=np.full(steps, -1.0),
        plan_ms=np.linspace(1.0, 2.0, steps), env_ms=np.ones(steps), inputs={}, task=Pendulum(), plans=planned,
        metrics={"return": -float(steps), "success": True, "steps": steps, "steps_to_success": 1, **metrics},
    )  # fmt: skip
