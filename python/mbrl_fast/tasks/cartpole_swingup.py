"""The cart-pole of the PETS paper: swing a hanging pole up and hold it above the middle of the rail.

The state is the environment's own observation ``[position, angle, speed, turn rate]``, the angle from hanging and never wrapped.
The action in [−3, 3] (times 100 N) pushes the cart along a rail of ±2.5 m; a step is 0.04 s, an episode 200 steps, and nothing ends
it.

The environment has no notion of success: ``SwingUpTracker`` calls a pole up whose tip stays within 0.15 m of its goal for 1 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .gym_task import GymTask, Tracker

if TYPE_CHECKING:
    import gymnasium
    from torch import nn

POLE_LENGTH = 0.6
"""Metres."""
UP_DISTANCE = 0.15
"""Metres between tip and goal; a pole that is up is nearer."""
UP_STEPS = 25
"""Steps (of 0.04 s) that it must stay there: 1 s."""


@dataclass(frozen=True)
class CartPoleSwingUp(GymTask):
    """The cart-pole task of Chua et al. 2018.

    Args:
        max_steps: steps of 0.04 s until the environment truncates the episode.
    """

    name: ClassVar[str] = "cartpole-swingup"
    dt: ClassVar[float] = 0.04
    state_size: ClassVar[int] = 4
    action_size: ClassVar[int] = 1
    action_limit: ClassVar[float] = 3.0
    packages: ClassVar[tuple[str, ...]] = ("gymnasium", "mujoco")
    extra: ClassVar[str] = "mujoco"
    state_names: ClassVar[tuple[str, ...]] = ("position", "angle", "speed", "turn")
    state_units: ClassVar[tuple[str, ...]] = ("m", "rad", "m/s", "rad/s")
    action_names: ClassVar[tuple[str, ...]] = ("force",)
    action_units: ClassVar[tuple[str, ...]] = ("100 N",)
    angles: ClassVar[tuple[int, ...]] = (1,)
    recipe: ClassVar[dict[str, int]] = {"transitions": 1000, "rounds": 3, "on_policy": 200, "members": 3, "hidden_size": 128}
    planned_driving: ClassVar[dict[str, float]] = {"max_steps": 200}
    training: ClassVar[dict[str, float]] = {"epochs": 120, "learning_rate": 2e-3}
    pets: ClassVar[dict[str, Any]] = {
        "exploration_episodes": 1,
        "trials": 15,
        "members": 5,
        "hidden_sizes": (128, 128),
        "planner": "cem",
        "planner_settings": {
            "horizon": 25,
            "steps_per_knot": 1,
            "population": 400,
            "elites": 40,
            "iterations": 5,
            "init_std": 0.5,
            "min_std": 0.0,
            "momentum": 0.1,
            "momentum_on": "variance",
            "truncate": True,
            "keep_elites": 0,
            "include_mean": False,
            "returns": "mean",
        },
        "particles": 10,
    }
    """The paper's numbers, but for its networks of 3 × 500 units, its 20 particles and its 50 trials."""

    def _make(self, render_mode: str | None) -> gymnasium.Env[Any, Any]:
        from gymnasium.wrappers import TimeLimit

        from .envs.cartpole_swingup import CartPoleSwingUp as Environment

        return TimeLimit(Environment(render_mode), self.max_steps)

    def planner_settings(self) -> dict[str, Any]:
        """Settings of ``CEM`` with which the pole is swung up: 1 s ahead, slowly varying forces."""
        return {
            "horizon": 25,
            "steps_per_knot": 1,
            "population": 200,
            "elites": 20,
            "iterations": 4,
            "init_std": 1.0,
            "min_std": 0.0,
            "momentum": 0.1,
            "keep_elites": 5,
            "include_mean": True,
            "returns": "best",
            "warm_start": True,
            "noise_beta": 2.0,
        }

    def reward(self) -> nn.Module:
        """The environment's reward."""
        from mbrl_fast.rewards import SwingUpReward

        return SwingUpReward(POLE_LENGTH)

    def tracker(self) -> SwingUpTracker:
        """A fresh measurement of one episode."""
        return SwingUpTracker()


class SwingUpTracker(Tracker):
    """Watches one episode of swinging up."""

    def __init__(self) -> None:
        super().__init__()
        self._held = 0
        self._steps_to_success: int | None = None

    def update(self, observation: ArrayLike, info: dict[str, Any]) -> None:
        """Take in what ``env.step`` returned."""
        super().update(observation, info)
        position, angle = np.asarray(observation, dtype=np.float64)[:2]
        distance = np.hypot(position - POLE_LENGTH * np.sin(angle), POLE_LENGTH * (1.0 + np.cos(angle)))
        self._held = self._held + 1 if distance < UP_DISTANCE else 0
        if self._held == UP_STEPS and self._steps_to_success is None:
            self._steps_to_success = self.steps

    def metrics(self) -> dict[str, Any]:
        """The episode so far: success (bool, up for 1 s at its end), steps_to_success (int or None, the first), steps."""
        return {"success": self._held >= UP_STEPS, "steps_to_success": self._steps_to_success, **super().metrics()}
