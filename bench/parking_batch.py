"""Many episodes of parking-v0 side by side: on a replica of the environment's dynamics, for screening, or on the environment.

Both worlds have slots; a slot holds one episode at a time. The replica integrates highway-env's bicycle in float64 with its three
substeps, crashes at the walls as it does (a car that would reach a wall within the next substep has crashed one substep later; the
push out of the wall is left out, the episode is over), and counts success and strict success as ``mbrl_fast.tasks.ParkingTracker``
does. Starts and goals are the environment's own, for its seeds. ``tests/test_parking_batch.py`` drives both worlds side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.tasks import Parking
from mbrl_fast.tasks.parking_tracker import COLLISION_REWARD, REWARD_WEIGHTS, SCALES, STRICT_HEADING, STRICT_SPEED, STRICT_STEPS
from mbrl_fast.tasks.parking_tracker import SUCCESS_REWARD as THRESHOLD

Array = NDArray[np.float64]
TAU, SUBSTEPS, HALF_WHEELBASE, TOP_SPEED = 1 / 15, 3, 2.5, 40.0
REACH = np.array([34.5, 20.5])
"""Metres from the middle to the walls' inner faces."""
HALF_CAR = np.array([2.5, 1.0])


class RealWorld:
    """One environment and one tracker a slot.

    Attributes:
        states, goals: [slots, 6], as the environment scales them.
        running: [slots], whether the slot's episode goes on.
    """

    def __init__(self, task: Parking, slots: int) -> None:
        self.task, self.running = task, np.zeros(slots, bool)
        self.envs = [task.make_env() for _ in range(slots)]
        self.trackers: list[Any] = [None] * slots
        self.states, self.goals = np.zeros((slots, 6)), np.zeros((slots, 6))

    def start(self, slot: int, seed: int) -> None:
        """A fresh episode."""
        observation, _ = self.envs[slot].reset(seed=seed)
        self.trackers[slot], self.running[slot] = self.task.tracker(), True
        self.states[slot], self.goals[slot] = observation["observation"], observation["desired_goal"]

    def step(self, actions: NDArray[np.float32]) -> None:
        """One step of every slot whose episode goes on; actions [slots, 2]."""
        for slot in np.flatnonzero(self.running):
            observation, _, terminated, truncated, info = self.envs[slot].step(actions[slot].copy())
            self.trackers[slot].update(observation, info)
            self.states[slot] = observation["observation"]
            self.running[slot] = not (terminated or truncated or self.trackers[slot].done)

    def metrics(self, slot: int) -> dict[str, Any]:
        """As ``ParkingTracker.metrics``."""
        found: dict[str, Any] = self.trackers[slot].metrics()
        return found

    def close(self) -> None:
        """Closes the environments."""
        for env in self.envs:
            env.close()


class Replica:
    """The same without highway-env, in arrays over the slots."""

    def __init__(self, task: Parking, slots: int) -> None:
        self.task, self.running = task, np.zeros(slots, bool)
        self.env = task.make_env()  # for its starts
        self.position, self.heading, self.speed = np.zeros((slots, 2)), np.zeros(slots), np.zeros(slots)
        self.goals, self.pushed = np.zeros((slots, 6)), np.zeros(slots, bool)
        self.steps, self.held, self.returns = np.zeros(slots, int), np.zeros(slots, int), np.zeros(slots)
        self.at = {name: np.full(slots, -1) for name in ("success", "strict", "crash")}
        self.last, self.changes = np.full((slots, 2), np.nan), np.zeros(slots)

    @property
    def states(self) -> Array:
        """[slots, 6], as the environment scales them."""
        along = np.stack([np.cos(self.heading), np.sin(self.heading)], 1)
        return np.concatenate([self.position, self.speed[:, None] * along, along], 1) / SCALES

    def start(self, slot: int, seed: int) -> None:
        """A fresh episode."""
        observation, _ = self.env.reset(seed=seed)
        car = self.env.unwrapped.vehicle
        self.position[slot], self.heading[slot], self.speed[slot] = car.position, car.heading, car.speed
        self.goals[slot], self.pushed[slot], self.running[slot] = observation["desired_goal"], False, True
        for counter in (self.steps, self.held, self.returns, self.changes):
            counter[slot] = 0
        for when in self.at.values():
            when[slot] = -1
        self.last[slot] = np.nan

    def step(self, actions: NDArray[np.float32]) -> None:
        """One step of every slot whose episode goes on; actions [slots, 2]."""
        go = self.running.copy()
        applied = np.clip(actions.astype(np.float64), -1.0, 1.0)
        crashed = self._move(applied, go)
        self._count(actions.astype(np.float64), crashed, go)

    def _move(self, actions: Array, go: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Position, heading, speed by explicit Euler, in that order. Whether each has crashed."""
        demanded = 5.0 * actions[:, 0]
        slip = np.arctan(0.5 * np.tan(0.25 * np.pi * actions[:, 1]))
        crashed = np.zeros(len(go), bool)
        for _ in range(SUBSTEPS):
            demanded = np.where(self.speed > TOP_SPEED, np.minimum(demanded, TOP_SPEED - self.speed), demanded)
            demanded = np.where(self.speed < -TOP_SPEED, np.maximum(demanded, -TOP_SPEED - self.speed), demanded)
            ahead = self.heading + slip
            moved = self.speed[:, None] * np.stack([np.cos(ahead), np.sin(ahead)], 1) * TAU
            self.position += np.where(go[:, None], moved, 0.0)
            crashed |= self.pushed & go
            self.heading += np.where(go, self.speed * np.sin(slip) / HALF_WHEELBASE * TAU, 0.0)
            self.speed += np.where(go, demanded * TAU, 0.0)
            crashed |= self._touches(0.0) & go
            self.pushed |= (self._touches(TAU) | crashed) & go
        return crashed

    def _touches(self, seconds: float) -> NDArray[np.bool_]:
        """Whether the car is in a wall, or would be after so many seconds at its velocity."""
        along = np.abs(np.stack([np.cos(self.heading), np.sin(self.heading)], 1))
        half = along * HALF_CAR[0] + along[:, ::-1] * HALF_CAR[1]
        velocity = self.speed[:, None] * np.stack([np.cos(self.heading), np.sin(self.heading)], 1)
        swept = np.abs(self.position + np.where(self.position * velocity > 0, velocity * seconds, 0.0))
        touching: NDArray[np.bool_] = (swept + half >= REACH).any(1)
        return touching

    def _count(self, actions: Array, crashed: NDArray[np.bool_], go: NDArray[np.bool_]) -> None:
        """What ``ParkingTracker.update`` notes."""
        states = self.states
        self.steps += go
        reward = -np.sqrt((np.abs(states - self.goals) * REWARD_WEIGHTS).sum(1))
        open_ended = go & (self.at["success"] < 0)
        self.returns += np.where(open_ended, reward + COLLISION_REWARD * crashed, 0.0)
        change = np.abs(actions - self.last).mean(1)
        self.changes += np.where(go & ~np.isnan(change), change, 0.0)
        self.last[go] = actions[go]
        in_spot = go & ~crashed & (reward > -THRESHOLD)
        self.held = np.where(in_spot & _stands(states, self.goals), self.held + 1, np.where(go, 0, self.held))
        strict = in_spot & (self.held >= STRICT_STEPS)
        for name, now in (("crash", go & crashed), ("success", in_spot), ("strict", strict)):
            first = now & (self.at[name] < 0)
            self.at[name][first] = self.steps[first]
        over = crashed | (self.at["strict"] >= 0) | (self.steps >= self.task.max_steps)
        self.running &= ~over

    def metrics(self, slot: int) -> dict[str, Any]:
        """As ``ParkingTracker.metrics``."""
        at = {name: int(when[slot]) for name, when in self.at.items()}
        success, crash, steps = at["success"] >= 0, at["crash"] >= 0, int(self.steps[slot])
        return {
            "success": success, "strict": at["strict"] >= 0, "crash": crash and not success,
            "crash_after_success": crash and success,
            "steps_to_success": at["success"] if success else None,
            "steps_to_strict": at["strict"] if at["strict"] >= 0 else None,
            "steps": steps, "return": float(self.returns[slot]),
            "action_rate": float(self.changes[slot] / (steps - 1)) if steps > 1 else 0.0,
        }  # fmt: skip

    def close(self) -> None:
        """Closes the environment whose starts were used."""
        self.env.close()


def _stands(states: Array, goals: Array) -> NDArray[np.bool_]:
    speed = np.hypot(states[:, 2], states[:, 3]) * SCALES[2]
    cross = goals[:, 4] * states[:, 5] - goals[:, 5] * states[:, 4]
    along = goals[:, 4] * states[:, 4] + goals[:, 5] * states[:, 5]
    stands: NDArray[np.bool_] = (speed < STRICT_SPEED) & (np.abs(np.arctan2(cross, along)) < STRICT_HEADING)
    return stands
