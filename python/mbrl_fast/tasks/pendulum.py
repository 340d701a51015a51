"""gymnasium's ``Pendulum-v1``: swing a rod up with a motor too weak to lift it, and hold it there.

The state is the environment's own observation ``[cos θ, sin θ, velocity]``, θ from upright, velocity in rad/s within ±8. The action
is a torque in ±2 N·m, a step 0.05 s, an episode 200 steps. It is planned and learnt in these coordinates because nothing in them
jumps where the rod hangs straight down.

Facts that shape this file (gymnasium 1.x):

* the reward is that of the state before the step: −(θ² + 0.1 velocity² + 0.001 torque²), θ in [−π, π);
* the environment never terminates an episode and has no notion of success: ``PendulumTracker`` calls a rod upright that stays
  within 0.2 rad and 0.5 rad/s for 1 s;
* it rounds what it observes to single precision and goes on in double precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .gym_task import Array, GymTask, Tracker

if TYPE_CHECKING:
    from torch import nn

    from mbrl_fast.data import Transitions

UPRIGHT_ANGLE = 0.2
"""Radians; a rod that is upright leans less."""
UPRIGHT_SPEED = 0.5
"""Radians per second; a rod that is upright moves less."""
UPRIGHT_STEPS = 20
"""Steps (of 0.05 s) that it must stay upright: 1 s."""


@dataclass(frozen=True)
class Pendulum(GymTask):
    """The task ``Pendulum-v1``.

    Args:
        max_steps: steps of 0.05 s until the environment truncates the episode.
    """

    name: ClassVar[str] = "pendulum"
    env_id: ClassVar[str] = "Pendulum-v1"
    dt: ClassVar[float] = 0.05
    state_size: ClassVar[int] = 3
    action_size: ClassVar[int] = 1
    action_limit: ClassVar[float] = 2.0
    state_names: ClassVar[tuple[str, ...]] = ("cos", "sin", "velocity")
    state_units: ClassVar[tuple[str, ...]] = ("1", "1", "rad/s")
    action_names: ClassVar[tuple[str, ...]] = ("torque",)
    action_units: ClassVar[tuple[str, ...]] = ("N·m",)
    recipe: ClassVar[dict[str, int]] = {"transitions": 200, "rounds": 2, "on_policy": 100, "members": 1, "hidden_size": 8}
    random_driving: ClassVar[dict[str, int]] = {"max_steps": 20, "action_repeat": 4}
    planned_driving: ClassVar[dict[str, float]] = {"max_steps": 50, "exploration": 0.3}
    """Short episodes: so few transitions must come from many starts, and whole ones must be left when some are split off."""
    training: ClassVar[dict[str, float]] = {"epochs": 100, "learning_rate": 1e-4, "weight_decay": 0.0}
    """Small steps: in these coordinates the rod is linear but where its speed is limited, and the network begins so."""
    pets: ClassVar[dict[str, Any]] = {
        "exploration_episodes": 1,
        "trials": 10,
        "members": 1,
        "hidden_sizes": (64, 64),
        "std": "softplus",
        "epochs": 150,
        "patience": 150,
        "learning_rate": 3e-3,
        "planner": "random_shooting",
        "planner_settings": {"horizon": 15, "steps_per_knot": 1, "population": 1000},
        "particles": 10,
    }
    """The size of the planning homework that this task is known from: one network, random shooting, 15 steps ahead. Fits are not
    cut short: how the rod swings is learnt from few steps, and validation on steps beside them says little about it."""

    def planner_settings(self) -> dict[str, Any]:
        """Settings of ``CEM`` and, under "refine", of ``ILQR`` with which the rod is swung up well (see ``make_planner``).

        3 s ahead: CEM finds out how often to swing, iLQR when exactly.
        """
        return {
            "horizon": 60,
            "steps_per_knot": 1,
            "population": 150,
            "elites": 16,
            "iterations": 4,
            "init_std": 1.0,
            "min_std": 0.0,
            "momentum": 0.0,
            "discount": 1.0,
            "keep_elites": 8,
            "include_mean": True,
            "returns": "best",
            "warm_start": True,
            "fresh_fraction": 0.25,
            "noise_beta": 3.0,
            "refine": {"iterations": 5, "feedback": False},
        }

    def network(self, data: Transitions, hidden_size: int) -> nn.Module:
        """A model to be trained on these transitions, which it takes its scales from."""
        from mbrl_fast.models import MLP

        model = MLP(self.state_size, self.action_size, (hidden_size, hidden_size), angles=[(0, 1)])
        return model.normalise(data.states, data.actions, data.next_states)

    def reward(self) -> nn.Module:
        """The environment's reward."""
        from mbrl_fast.rewards import PendulumReward

        return PendulumReward()

    def tracker(self) -> PendulumTracker:
        """A fresh measurement of one episode."""
        return PendulumTracker()

    def symmetries(
        self, states: Array, actions: Array, next_states: Array, generator: np.random.Generator
    ) -> tuple[Array, Array, Array]:
        """Mirror every second transition at random: left is the mirror of right.

        Args:
            states: [..., 3]; actions: [..., 1]; next_states: [..., 3]; generator: decides which are mirrored.
        """
        mirror = (generator.integers(0, 2, (*states.shape[:-1], 1)) * 2 - 1).astype(np.float32)
        sides = np.concatenate([np.ones_like(mirror), mirror, mirror], axis=-1)
        return states * sides, actions * mirror, next_states * sides

    def errors(self, predicted: Array, actual: Array) -> dict[str, NDArray[np.float64]]:
        """How far apart states are. predicted, actual: [..., 3] -> {"angle [rad]", "velocity [rad/s]"}, each [...]."""
        turn = angle(predicted) - angle(actual)
        return {
            "angle [rad]": np.abs((turn + np.pi) % (2.0 * np.pi) - np.pi),
            "velocity [rad/s]": np.abs(predicted[..., 2].astype(np.float64) - actual[..., 2]),
        }


class PendulumTracker(Tracker):
    """Watches one episode of the pendulum."""

    def __init__(self) -> None:
        super().__init__()
        self._held = 0
        self._steps_to_success: int | None = None

    def update(self, observation: Sequence[float] | Array, info: dict[str, Any]) -> None:
        """Take in what ``env.step`` returned."""
        super().update(observation, info)
        state = np.asarray(observation, dtype=np.float64)
        upright = abs(angle(state)) < UPRIGHT_ANGLE and abs(state[2]) < UPRIGHT_SPEED
        self._held = self._held + 1 if upright else 0
        if self._held == UPRIGHT_STEPS and self._steps_to_success is None:
            self._steps_to_success = self.steps

    def metrics(self) -> dict[str, Any]:
        """The episode so far: success (bool, upright for 1 s at its end), steps_to_success (int or None, the first), steps."""
        return {"success": self._held >= UPRIGHT_STEPS, "steps_to_success": self._steps_to_success, **super().metrics()}


def angle(state: ArrayLike) -> NDArray[np.float64]:
    """θ in [−π, π], 0 upright, of states [..., 3] -> [...]."""
    state = np.asarray(state, dtype=np.float64)
    return np.asarray(np.arctan2(state[..., 1], state[..., 0]))
