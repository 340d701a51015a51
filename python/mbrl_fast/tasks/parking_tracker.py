"""How one episode of parking went: highway-env's own rule, and whether the car really stands parked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

STATE_NAMES = ("x", "y", "vx", "vy", "cos_h", "sin_h")
SCALES = np.array([100.0, 100.0, 5.0, 5.0, 1.0, 1.0])
"""What highway-env divides [x, y, vx, vy, cos h, sin h] by."""
REWARD_WEIGHTS = np.array([1.0, 0.3, 0.0, 0.0, 0.02, 0.02])
SUCCESS_REWARD = 0.12
COLLISION_REWARD = -5.0
STRICT_SPEED = 0.5
"""Metres per second; strict success is slower."""
STRICT_HEADING = np.deg2rad(10.0)
STRICT_STEPS = 5
"""Steps (of 0.2 s) that strict success must be held: 1 s."""


class ParkingTracker:
    """Measures one episode of parking, step by step.

    ``success`` and ``crash`` are what the environment's own rule says: whichever came first. A crash after success is reported
    as ``crash_after_success`` and makes strict success impossible. ``done`` becomes true at strict success or a crash.
    """

    def __init__(self) -> None:
        self.done = False
        self._steps = 0
        self._held = 0
        self._return = 0.0
        self._steps_to_success: int | None = None
        self._steps_to_strict: int | None = None
        self._steps_to_crash: int | None = None
        self._previous_action: NDArray[np.float64] | None = None
        self._action_changes: list[float] = []

    def update(self, observation: dict[str, Any], info: dict[str, Any]) -> None:
        """Take in what ``env.step`` returned. Raises ValueError after the episode is done."""
        if self.done:
            raise ValueError("the episode is over: make a new tracker for the next one")
        state = vector(observation, "observation").astype(np.float64)
        goal = vector(observation, "desired_goal").astype(np.float64)
        self._steps += 1
        # the float64 observation decides success, exactly as the environment does
        reward = goal_reward(observation["observation"], observation["desired_goal"])
        crashed = bool(info["crashed"])
        if self._steps_to_success is None and self._steps_to_crash is None:
            self._return += reward + COLLISION_REWARD * crashed
        self._note_action(info["action"])
        if crashed:
            self._steps_to_crash = self._steps
            self.done = True
            return
        in_spot = reward > -SUCCESS_REWARD
        if in_spot and self._steps_to_success is None:
            self._steps_to_success = self._steps
        self._held = self._held + 1 if in_spot and _stands(state, goal) else 0
        if self._held >= STRICT_STEPS:
            self._steps_to_strict = self._steps
            self.done = True

    def _note_action(self, action: Any) -> None:
        action = np.array(action, dtype=np.float64)  # a copy: callers may reuse the array
        if self._previous_action is not None:
            self._action_changes.append(float(np.abs(action - self._previous_action).mean()))
        self._previous_action = action

    def metrics(self) -> dict[str, Any]:
        """The episode so far.

        success, strict, crash, crash_after_success (bool); steps_to_success, steps_to_strict (int or None); steps; return (the
        environment's rewards until its own rule ends the episode); action_rate (mean |u_t − u_{t−1}| of an action entry).
        """
        success = self._steps_to_success is not None
        crash = self._steps_to_crash is not None
        return {
            "success": success,
            "strict": self._steps_to_strict is not None,
            "crash": crash and not success,
            "crash_after_success": crash and success,
            "steps_to_success": self._steps_to_success,
            "steps_to_strict": self._steps_to_strict,
            "steps": self._steps,
            "return": self._return,
            "action_rate": float(np.mean(self._action_changes)) if self._action_changes else 0.0,
        }


def goal_reward(state: Any, goal: Any) -> float:
    """highway-env's reward without the crash term: −(Σ w |state − goal|)^0.5. state [6], goal [6]."""
    return -float(np.sqrt(np.dot(np.abs(np.asarray(state) - np.asarray(goal)), REWARD_WEIGHTS)))


def _stands(state: NDArray[np.float64], goal: NDArray[np.float64]) -> bool:
    """Whether the car has stopped and points the right way."""
    speed = float(np.hypot(state[2], state[3]) * SCALES[2])
    cross = goal[4] * state[5] - goal[5] * state[4]
    along = goal[4] * state[4] + goal[5] * state[5]
    return speed < STRICT_SPEED and abs(float(np.arctan2(cross, along))) < STRICT_HEADING


def vector(observation: dict[str, Any], key: str) -> Array:
    """One entry of an observation as float32 [6], or [B, 6] of a batch, checked."""
    try:
        value = np.asarray(observation[key], dtype=np.float32)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f'a parking observation must be a dictionary with "{key}", got {type(observation).__name__}') from error
    if value.ndim not in (1, 2) or value.shape[-1] != 6:
        raise ValueError(f'observation "{key}" must have shape (6,) or (B, 6), got shape {value.shape}')
    if not np.isfinite(value).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
        name = STATE_NAMES[index[-1]]
        raise ValueError(f'observation "{key}" must be finite, got {value[index]} at {list(index)} ({name})')
    return value


def obstacles(observation: dict[str, Any], count: int) -> Array:
    """The parked cars of an observation as float32 [count, 5], or [B, count, 5] of a batch, checked."""
    try:
        value = np.asarray(observation["obstacles"], dtype=np.float32)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError('an observation among parked cars must be a dictionary with "obstacles"') from error
    if value.ndim not in (2, 3) or value.shape[-2:] != (count, 5):
        raise ValueError(f'observation "obstacles" must have shape ({count}, 5) or (B, {count}, 5), got shape {value.shape}')
    if not np.isfinite(value).all():
        raise ValueError('observation "obstacles" must be finite')
    return value
