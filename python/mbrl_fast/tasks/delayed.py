"""A task whose actions take effect late: for measuring what a delay costs, and what looking across it brings back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Delayed:
    """A task, but for its actions, which reach the plant late.

    highway-env's environments are driven at their simulation frequency, 15 Hz: a delay is a number of substeps of 1/15 s there, and
    the simulation itself stays as it is. Any other environment is delayed by whole steps.

    Args:
        task: as `run_episode` wants it; everything else is asked of it.
        delay: seconds, rounded to substeps; `seconds` says to what.
        substeps: of a step. 1 for whole steps.
    """

    task: Any
    delay: float
    substeps: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.delay < float("inf"):
            raise ValueError(f"delay must be >= 0 seconds and finite, got {self.delay}")
        if self.substeps < 1:
            raise ValueError(f"substeps must be >= 1, got {self.substeps}")

    @property
    def late(self) -> int:
        """The delay in substeps."""
        steps: float = self.delay / self.task.dt
        return round(steps * self.substeps)

    @property
    def seconds(self) -> float:
        """The delay as it is, a whole number of substeps."""
        return float(self.late * self.task.dt / self.substeps)

    def make_env(self, render_mode: str | None = None) -> Any:
        """The task's environment, delayed. Its actions begin with the middle of the bounds."""
        middle = (np.asarray(self.task.action_low) + np.asarray(self.task.action_high)) / 2
        return DelayedEnv(self.task.make_env(render_mode=render_mode), self.late, self.substeps, middle)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "task":  # a copy that is being unpickled has no task yet
            raise AttributeError(name)
        return getattr(self.task, name)


class DelayedEnv:
    """An environment whose actions take effect `late` substeps after `step` is called with them."""

    def __init__(self, env: Any, late: int, substeps: int, first_action: Any) -> None:
        self.env = env
        self._late, self._substeps, self._first_action = late, substeps, first_action
        self._queue: deque[Any] = deque()
        if substeps > 1:
            config = env.unwrapped.config
            if config["simulation_frequency"] != substeps * config["policy_frequency"]:
                raise ValueError(
                    f"substeps must be {config['simulation_frequency'] / config['policy_frequency']:g} here, got {substeps}"
                )
            config["policy_frequency"] = config["simulation_frequency"]

    def reset(self, **options: Any) -> Any:
        """As the environment's; no action is on its way but the first one."""
        self._queue = deque([self._first_action] * self._late)
        return self.env.reset(**options)

    def step(self, action: Any) -> Any:
        """One step of the task: the environment's last substep of it, with whether any of them ended the episode."""
        for _ in range(self._substeps):
            self._queue.append(np.array(action))
            result = self.env.step(self._queue.popleft())
            if result[2] or result[3]:
                break
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.env, name)
