"""A pole on a cart that must not fall: mbrl-lib's continuous cart-pole, the first task its PETS is shown on.

The state is the environment's own observation ``[position, speed, angle, turn rate]``, the angle from upright. The action in
[−1, 1] scales a force of 10 N, a step is 0.02 s, an episode 200 steps; it ends early when the pole leans more than 12° or the cart
is more than 2.4 m from the middle. Nothing rewards standing still: the cart may drift while the pole stands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .balance import Balance
from .gym_task import Array

if TYPE_CHECKING:
    import gymnasium


@dataclass(frozen=True)
class CartPole(Balance):
    """The task of mbrl-lib's ``pets_cartpole``.

    Args:
        max_steps: steps of 0.02 s until the environment truncates the episode.
    """

    name: ClassVar[str] = "cartpole"
    dt: ClassVar[float] = 0.02
    state_size: ClassVar[int] = 4
    action_size: ClassVar[int] = 1
    action_limit: ClassVar[float] = 1.0
    limits: ClassVar[dict[int, float]] = {0: 2.4, 2: math.radians(12.0)}
    state_names: ClassVar[tuple[str, ...]] = ("position", "speed", "angle", "turn")
    state_units: ClassVar[tuple[str, ...]] = ("m", "m/s", "rad", "rad/s")
    action_names: ClassVar[tuple[str, ...]] = ("force",)
    action_units: ClassVar[tuple[str, ...]] = ("10 N",)
    recipe: ClassVar[dict[str, int]] = {"transitions": 400, "members": 3, "hidden_size": 32}
    random_driving: ClassVar[dict[str, int]] = {"action_repeat": 1}
    training: ClassVar[dict[str, float]] = {"epochs": 60, "learning_rate": 1e-3}
    pets: ClassVar[dict[str, Any]] = {
        "exploration_episodes": 8,
        "trials": 10,
        "members": 5,
        "hidden_sizes": (64, 64),
        "planner": "cem",
        "planner_settings": {
            "horizon": 15,
            "steps_per_knot": 1,
            "population": 350,
            "elites": 35,
            "iterations": 5,
            "init_std": 0.5,
            "min_std": 0.0,
            "momentum": 0.1,
            "keep_elites": 0,
            "include_mean": False,
            "returns": "mean",
        },
        "particles": 20,
        "retrain_every": 50,
    }
    """mbrl-lib's numbers, but for its networks (4 × 200 units, seven of which five plan) and its truncated normals: within 0.3 s
    every candidate that stands is as good as any other, and those drift off the rail more often, with the exact model too. An
    episode of random actions is over in some 25 steps."""

    def _make(self, render_mode: str | None) -> gymnasium.Env[Any, Any]:
        from gymnasium.wrappers import TimeLimit

        from .envs.cartpole import ContinuousCartPole

        return TimeLimit(ContinuousCartPole(render_mode), self.max_steps)

    def planner_settings(self) -> dict[str, Any]:
        """Settings of ``CEM`` with which the pole stands: 1 s ahead, to see the end of the rail in time."""
        return {
            "horizon": 10,
            "steps_per_knot": 5,
            "population": 64,
            "elites": 8,
            "iterations": 3,
            "init_std": 0.5,
            "min_std": 0.0,
            "momentum": 0.1,
            "discount": 1.0,
            "keep_elites": 3,
            "include_mean": True,
            "returns": "mean",
            "warm_start": True,
        }

    def symmetries(
        self, states: Array, actions: Array, next_states: Array, generator: np.random.Generator
    ) -> tuple[Array, Array, Array]:
        """Mirror every second transition at random: left is the mirror of right.

        Args:
            states: [..., 4]; actions: [..., 1]; next_states: [..., 4]; generator: decides which are mirrored.
        """
        mirror = (generator.integers(0, 2, (*states.shape[:-1], 1)) * 2 - 1).astype(np.float32)
        return states * mirror, actions * mirror, next_states * mirror
