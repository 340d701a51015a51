"""Parked cars in the observation: highway-env puts them on the ground, but not into what ``parking-v0`` observes."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray


class ParkedCars(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Adds ``observation["obstacles"]``, [count, 5] float64: a row is [present, x/100, y/100, cos h, sin h] of one parked car.

    The rows come from the environment's own road, in its order: they stand for what the car's sensors would tell. Every row keeps
    its car while an episode lasts. Rows without a car are zero.

    Args:
        env: parking-v0 with ``vehicles_count`` up to ``count``. count: rows.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], count: int) -> None:
        super().__init__(env)
        self.count = count
        rows = gymnasium.spaces.Box(-np.inf, np.inf, (count, 5), np.float64)
        assert isinstance(env.observation_space, gymnasium.spaces.Dict)
        self.observation_space = gymnasium.spaces.Dict({**env.observation_space.spaces, "obstacles": rows})

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        """The observation, and the parked cars."""
        return {**observation, "obstacles": self._rows()}

    def _rows(self) -> NDArray[np.float64]:
        inner: Any = self.env.unwrapped
        rows = np.zeros((self.count, 5))
        parked = [car for car in inner.road.vehicles if car not in inner.controlled_vehicles]
        if len(parked) > self.count:
            raise ValueError(f"there must be at most {self.count} parked cars, got {len(parked)}")
        for row, car in zip(rows, parked, strict=False):
            row[:] = 1.0, car.position[0] / 100.0, car.position[1] / 100.0, np.cos(car.heading), np.sin(car.heading)
        return rows
