"""highway-env's goal observation without pandas.

``KinematicsGoalObservation`` makes two data frames to read twelve numbers, and ``parking-v0`` observes four times a step: most of
a step's time. The numbers here are the same, bit for bit (a test drives both side by side).
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from highway_env.envs.common.observation import KinematicsGoalObservation
from numpy.typing import NDArray


class GoalObservation(KinematicsGoalObservation):  # type: ignore[misc]
    """The same observation, read from the car itself."""

    def observe(self) -> dict[str, NDArray[np.float64]]:
        """{"observation", "achieved_goal", "desired_goal"}, each [6] float64."""
        if not self.observer_vehicle:
            return super().observe()  # type: ignore[no-any-return]
        now, goal = (self._read(car) for car in (self.observer_vehicle, self.observer_vehicle.goal))
        return {"observation": now, "achieved_goal": now.copy(), "desired_goal": goal}

    def _read(self, car: Any) -> NDArray[np.float64]:
        values = car.to_dict()
        return np.asarray([values[feature] for feature in self.features] / self.scales, np.float64)


class QuickObservation(gymnasium.Wrapper[Any, Any, Any, Any]):
    """parking-v0 whose observations are read by ``GoalObservation``; the environment makes its observers anew at every reset."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """As the environment's own."""
        answer = self.env.reset(seed=seed, options=options)
        inner: Any = self.env.unwrapped
        for observer in (inner.observation_type, inner.observation_type_parking):
            observer.__class__ = GoalObservation
        return answer
