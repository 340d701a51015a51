"""parking-v0 without highway-env's overhead: the same episodes in a fiftieth of the time, for choosing settings.

Starts, goals and parked cars are those of the environment's own reset with the same seed; dynamics, walls, collisions and rewards
are computed here, in double precision. `tests/test_replica.py` drives both side by side. What is reported is never measured on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.tasks.parking_tracker import SCALES, goal_reward

Array = NDArray[np.float64]

CAR = (5.0, 2.0)


@dataclass(frozen=True)
class Replica:
    """A `Parking` task but for its environment, which is the replica."""

    task: Any

    def make_env(self, render_mode: str | None = None, stop_at_success: bool = False) -> ReplicaEnv:
        """Make the replica. It draws no pictures."""
        if render_mode is not None:
            raise ValueError(f"render_mode must be None on the replica, got {render_mode!r}")
        return ReplicaEnv(self.task, stop_at_success)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "task":  # a copy that is being unpickled has no task yet
            raise AttributeError(name)
        return getattr(self.task, name)


class ReplicaEnv:
    """What `run_episode` and `collect` ask of an environment."""

    def __init__(self, task: Any, stop_at_success: bool = False) -> None:
        self._env, self._task, self._stop = task.make_env(), task, stop_at_success

    def reset(self, seed: int | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The environment's own reset."""
        self._observation, info = self._env.reset(seed=seed)
        car, road = self._env.unwrapped.vehicle, self._env.unwrapped.road
        (self._x, self._y), self._heading, self._speed = map(float, car.position), float(car.heading), float(car.speed)
        solid = [other for other in (*road.vehicles, *road.objects) if other is not car and other.solid]
        rows = [(*other.position, other.heading, other.LENGTH, other.WIDTH) for other in solid]
        self._obstacles, self._steps, self._pushed = np.array(rows).reshape(-1, 5), 0, False
        return self._observation, info

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Three Euler substeps of 1/15 s, each with a look for collisions."""
        throttle, wheel = np.clip(np.asarray(action, np.float64), -1.0, 1.0)
        acceleration, slip = 5.0 * float(throttle), math.atan(0.5 * math.tan(float(wheel) * math.pi / 4))
        crashed = False
        for _ in range(3):
            acceleration = min(acceleration, 40.0 - self._speed) if self._speed > 40.0 else acceleration
            acceleration = max(acceleration, -40.0 - self._speed) if self._speed < -40.0 else acceleration
            self._x += self._speed * math.cos(self._heading + slip) / 15
            self._y += self._speed * math.sin(self._heading + slip) / 15
            self._heading += self._speed * math.sin(slip) / 2.5 / 15
            self._speed += acceleration / 15
            crashed = crashed or self._pushed or self._meets(0.0)
            self._pushed = crashed or self._meets(self._speed / 15)  # about to touch: pushed, and crashed, in the next substep
        return self._outcome(action, crashed)

    def _outcome(self, action: Any, crashed: bool) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self._steps += 1
        cos, sin = math.cos(self._heading), math.sin(self._heading)
        state = np.array([self._x, self._y, self._speed * cos, self._speed * sin, cos, sin]) / SCALES
        self._observation = {**self._observation, "observation": state, "achieved_goal": state}
        reward = goal_reward(state, self._observation["desired_goal"])
        terminated = crashed or (self._stop and reward > -0.12)
        info = {"crashed": crashed, "action": np.array(action), "speed": self._speed}
        return self._observation, reward - 5.0 * crashed, terminated, self._steps >= self._task.max_steps, info

    def _meets(self, travel: float) -> bool:
        """Whether the car touches an obstacle, somewhere along the next `travel` metres."""
        x, y, _, length, width = self._obstacles.T
        reach = 0.5 * (math.hypot(*CAR) + np.hypot(length, width)) + abs(travel)
        near = self._obstacles[np.hypot(x - self._x, y - self._y) <= reach]
        return bool(len(near)) and bool((sweep_gap((self._x, self._y, self._heading, *CAR), near, travel) <= 0.0).any())

    def close(self) -> None:
        """Close the environment whose resets were used."""
        self._env.close()


def sweep_gap(car: tuple[float, ...], obstacles: Array, travel: float) -> Array:
    """[K] metres between the car, moving by `travel` along its heading, and each obstacle: the widest gap along their four axes."""
    x, y, heading, length, width = car
    dx, dy = obstacles[:, 0] - x, obstacles[:, 1] - y
    gap = np.full(len(obstacles), -np.inf)
    for axis in (heading, heading + math.pi / 2, obstacles[:, 2], obstacles[:, 2] + math.pi / 2):
        cos, sin = np.cos(axis), np.sin(axis)
        offset, along = dx * cos + dy * sin, travel * np.cos(axis - heading)
        reach = 0.5 * (length * np.abs(np.cos(axis - heading)) + width * np.abs(np.sin(axis - heading)))
        turn = axis - obstacles[:, 2]
        reach = reach + 0.5 * (obstacles[:, 3] * np.abs(np.cos(turn)) + obstacles[:, 4] * np.abs(np.sin(turn)))
        gap = np.maximum(gap, np.maximum(offset - np.maximum(along, 0.0), -offset + np.minimum(along, 0.0)) - reach)
    return gap
