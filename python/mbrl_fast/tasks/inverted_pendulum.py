"""gymnasium's ``InvertedPendulum-v5``: a pole on a cart in MuJoCo that must not fall.

The state is the environment's own observation ``[position, angle, speed, turn rate]``, the angle from upright. The action in
[−3, 3] (times 100 N) pushes the cart along a rail of ±1 m, a step is 0.04 s, an episode 1,000 steps; it ends early when the pole
leans more than 0.2 rad. Left is not quite the mirror of right: the pole is built a thousandth of a metre out of plumb.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .balance import Balance

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class InvertedPendulum(Balance):
    """The task ``InvertedPendulum-v5``.

    Args:
        max_steps: steps of 0.04 s until the environment truncates the episode.
    """

    max_steps: int = 1000

    name: ClassVar[str] = "inverted-pendulum"
    env_id: ClassVar[str] = "InvertedPendulum-v5"
    dt: ClassVar[float] = 0.04
    state_size: ClassVar[int] = 4
    action_size: ClassVar[int] = 1
    action_limit: ClassVar[float] = 3.0
    limits: ClassVar[dict[int, float]] = {1: 0.2}
    packages: ClassVar[tuple[str, ...]] = ("gymnasium", "mujoco")
    extra: ClassVar[str] = "mujoco"
    state_names: ClassVar[tuple[str, ...]] = ("position", "angle", "speed", "turn")
    state_units: ClassVar[tuple[str, ...]] = ("m", "rad", "m/s", "rad/s")
    action_names: ClassVar[tuple[str, ...]] = ("force",)
    action_units: ClassVar[tuple[str, ...]] = ("100 N",)
    recipe: ClassVar[dict[str, int]] = {"transitions": 500, "rounds": 2, "on_policy": 500, "members": 3, "hidden_size": 32}
    random_driving: ClassVar[dict[str, int]] = {"action_repeat": 1}
    planned_driving: ClassVar[dict[str, float]] = {"max_steps": 200, "exploration": 0.05}
    """An episode of random actions is over in some six steps: what the end of the rail does is learnt by driving there."""
    training: ClassVar[dict[str, float]] = {"epochs": 60, "learning_rate": 1e-3}
    pets: ClassVar[dict[str, Any]] = {
        "exploration_episodes": 40,
        "trials": 10,
        "members": 5,
        "hidden_sizes": (64, 64),
        "planner": "cem",
        "planner_settings": {
            "horizon": 10,
            "steps_per_knot": 2,
            "population": 100,
            "elites": 10,
            "iterations": 3,
            "init_std": 0.3,
            "min_std": 0.0,
            "momentum": 0.1,
            "keep_elites": 3,
            "include_mean": True,
            "returns": "best",
        },
        "particles": 5,
        "retrain_every": 250,
    }
    """For two cores: an eighteenth of mbrl-lib's 45 steps × 480 candidates × 5 iterations."""

    def planner_settings(self) -> dict[str, Any]:
        """Settings of ``CEM`` with which the pole stands: 0.8 s ahead."""
        return dict(self.pets["planner_settings"])

    def terminal_value(self) -> nn.Module:
        """What the end of a plan is worth: more in the middle of the rail and at rest, or the cart drifts to the end of it."""
        from mbrl_fast.rewards import Middle

        return Middle({0: 10.0, 2: 1.0})
