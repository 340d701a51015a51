"""gymnasium's ``Reacher-v5``: an arm of two links in the plane reaches for a target.

The state is ``[θ1, θ2, rate 1, rate 2]``, the angles of the joints never wrapped; the target is the run-time input ``goal [x, y]``,
metres. The environment made here observes those (see ``JointAngles``), and not the angles' cosines and sines. The action is the
torque of either motor, in [−1, 1]; a step is 0.02 s, an episode 50 steps, and nothing ends it.

Facts that shape this file (gymnasium 1.4):

* the reward is −distance between tip and target − torque². The environment takes the tip from the simulator's last sub-step, the
  reward here from the state: they differ by less than a millimetre unless the elbow strikes its stop;
* the second joint stops at ±3 rad, which is no part of the symmetries' truth;
* it knows no success: ``ReacherTracker`` says it is reached when the balls of tip and target touch at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .gym_task import Array, GymTask, Tracker, finite

if TYPE_CHECKING:
    import gymnasium
    from torch import nn

UPPER, LOWER = 0.1, 0.11
"""Metres, the links; the second one up to the middle of the tip."""
TOUCH = 0.019
"""Metres between the middles of tip and target, balls of 10 and 9 mm; nearer, they touch."""
_OBSERVED = ("θ1", "θ2", "goal x", "goal y", "rate 1", "rate 2")


@dataclass(frozen=True)
class Reacher(GymTask):
    """The task ``Reacher-v5``.

    Args:
        max_steps: steps of 0.02 s until the environment truncates the episode.
    """

    max_steps: int = 50

    name: ClassVar[str] = "reacher"
    env_id: ClassVar[str] = "Reacher-v5"
    dt: ClassVar[float] = 0.02
    state_size: ClassVar[int] = 4
    action_size: ClassVar[int] = 2
    action_limit: ClassVar[float] = 1.0
    inputs: ClassVar[dict[str, tuple[int, ...]]] = {"goal": (2,)}
    packages: ClassVar[tuple[str, ...]] = ("gymnasium", "mujoco")
    extra: ClassVar[str] = "mujoco"
    state_names: ClassVar[tuple[str, ...]] = ("θ1", "θ2", "rate 1", "rate 2")
    state_units: ClassVar[tuple[str, ...]] = ("rad", "rad", "rad/s", "rad/s")
    action_names: ClassVar[tuple[str, ...]] = ("torque 1", "torque 2")
    action_units: ClassVar[tuple[str, ...]] = ("1", "1")
    angles: ClassVar[tuple[int, ...]] = (0, 1)
    recipe: ClassVar[dict[str, int]] = {"transitions": 1000, "rounds": 1, "on_policy": 500, "members": 3, "hidden_size": 64}
    training: ClassVar[dict[str, float]] = {"epochs": 100, "learning_rate": 2e-3}
    pets: ClassVar[dict[str, Any]] = {
        "exploration_episodes": 5,
        "trials": 30,
        "members": 5,
        "hidden_sizes": (128, 128, 128),
        "learning_rate": 2e-3,
        "planner": "icem",
        "planner_settings": {
            "horizon": 15,
            "steps_per_knot": 1,
            "population": 200,
            "elites": 20,
            "iterations": 3,
            "noise_beta": 2.0,
        },
        "particles": 5,
    }
    """For two cores; mbrl-lib's Reacher is another arm, of seven joints, with 350 candidates and 5 iterations."""

    def _make(self, render_mode: str | None) -> gymnasium.Env[Any, Any]:
        from .envs.joint_angles import JointAngles

        return JointAngles(super()._make(render_mode))

    def observe(self, observation: ArrayLike) -> tuple[Array, dict[str, Array]]:
        """Read an observation of the environment.

        Returns:
            state [4] and {"goal": [2]}, float32; [B, 4] and [B, 2] for a batch of observations.
        """
        values = finite(observation, _OBSERVED)
        return values[..., [0, 1, 4, 5]], {"goal": values[..., 2:4]}

    def planner_settings(self) -> dict[str, Any]:
        """Settings of ``CEM`` with which the arm reaches: 0.3 s ahead, slowly varying torques."""
        return {
            "horizon": 15,
            "steps_per_knot": 1,
            "population": 100,
            "elites": 10,
            "iterations": 4,
            "init_std": 0.5,
            "min_std": 0.0,
            "momentum": 0.1,
            "keep_elites": 4,
            "include_mean": True,
            "returns": "best",
            "warm_start": True,
            "noise_beta": 2.0,
        }

    def reward(self) -> nn.Module:
        """The environment's reward."""
        from mbrl_fast.rewards import ReachReward

        return ReachReward(UPPER, LOWER)

    def tracker(self) -> ReacherTracker:
        """A fresh measurement of one episode."""
        return ReacherTracker()

    def symmetries(
        self, states: Array, actions: Array, next_states: Array, generator: np.random.Generator
    ) -> tuple[Array, Array, Array]:
        """Turn transitions about the shoulder and mirror every second one, at random: nothing in the plane tells directions apart.

        Args:
            states: [..., 4]; actions: [..., 2]; next_states: [..., 4]; generator: where the turns are drawn from.
        """
        mirror = (generator.integers(0, 2, (*states.shape[:-1], 1)) * 2 - 1).astype(np.float32)
        turn = np.zeros_like(states)
        turn[..., 0] = generator.uniform(-np.pi, np.pi, states.shape[:-1])
        return states * mirror + turn, actions * mirror, next_states * mirror + turn

    def errors(self, predicted: Array, actual: Array) -> dict[str, NDArray[np.float64]]:
        """How far apart states are. predicted, actual: [..., 4] -> {"tip [m]", "rates [rad/s]"}, each [...]."""
        rates = np.linalg.norm(predicted[..., 2:].astype(np.float64) - actual[..., 2:], axis=-1)
        return {"tip [m]": np.linalg.norm(tip(predicted) - tip(actual), axis=-1), "rates [rad/s]": rates}


class ReacherTracker(Tracker):
    """Watches one episode of reaching."""

    def __init__(self) -> None:
        super().__init__()
        self._distance = float("inf")
        self._steps_to_success: int | None = None

    def update(self, observation: ArrayLike, info: dict[str, Any]) -> None:
        """Take in what ``env.step`` returned."""
        super().update(observation, info)
        values = np.asarray(observation, dtype=np.float64)
        self._distance = float(np.linalg.norm(tip(values) - values[2:4]))
        if self._distance < TOUCH and self._steps_to_success is None:
            self._steps_to_success = self.steps

    def metrics(self) -> dict[str, Any]:
        """The episode so far: success (bool, tip and target touch), distance (m), steps_to_success (int or None), steps."""
        return {
            "success": self._distance < TOUCH,
            "distance": self._distance,
            "steps_to_success": self._steps_to_success,
            **super().metrics(),
        }


def tip(angles: ArrayLike) -> NDArray[np.float64]:
    """Where the arm ends: [..., 2 and more] with the joints' angles first -> [..., 2], metres from the shoulder."""
    values = np.asarray(angles, dtype=np.float64)
    first, second = values[..., 0], values[..., 0] + values[..., 1]
    return np.stack(
        [UPPER * np.cos(first) + LOWER * np.cos(second), UPPER * np.sin(first) + LOWER * np.sin(second)],
        axis=-1,
    )
