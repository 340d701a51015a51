"""gymnasium's ``HalfCheetah-v5``: a body of seven parts in the plane runs forward.

The state is what the environment observes (height, pitch, six joints, and the rates of these and of the trunk), and before it the
mean forward speed over the last step: the reward is of that speed, which no function of the observation alone gives. The PETS
paper's HalfCheetah has the same state. Actions are the torques of six motors, in [−1, 1]; a step is 0.05 s, an episode 1,000 steps,
and nothing ends it: the body may run on its back. There is no notion of success, only the return.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .gym_task import Array, GymTask, Tracker

if TYPE_CHECKING:
    import gymnasium
    from torch import nn

_JOINTS = ("back thigh", "back shin", "back foot", "front thigh", "front shin", "front foot")


@dataclass(frozen=True)
class HalfCheetah(GymTask):
    """The task ``HalfCheetah-v5``.

    Args:
        max_steps: steps of 0.05 s until the environment truncates the episode.
    """

    max_steps: int = 1000

    name: ClassVar[str] = "half-cheetah"
    env_id: ClassVar[str] = "HalfCheetah-v5"
    dt: ClassVar[float] = 0.05
    state_size: ClassVar[int] = 18
    action_size: ClassVar[int] = 6
    action_limit: ClassVar[float] = 1.0
    packages: ClassVar[tuple[str, ...]] = ("gymnasium", "mujoco")
    extra: ClassVar[str] = "mujoco"
    state_names: ClassVar[tuple[str, ...]] = (
        "mean speed", "height", "pitch", *_JOINTS, "speed", "climb", "pitch rate", *(f"{joint} rate" for joint in _JOINTS),
    )  # fmt: skip
    state_units: ClassVar[tuple[str, ...]] = ("m/s", "m", *("rad",) * 7, "m/s", "m/s", *("rad/s",) * 7)
    action_names: ClassVar[tuple[str, ...]] = _JOINTS
    action_units: ClassVar[tuple[str, ...]] = ("1",) * 6
    angles: ClassVar[tuple[int, ...]] = (2,)
    recipe: ClassVar[dict[str, int]] = {"transitions": 2000, "rounds": 10, "on_policy": 1000, "members": 3, "hidden_size": 128}
    random_driving: ClassVar[dict[str, int]] = {"max_steps": 200, "action_repeat": 1}
    planned_driving: ClassVar[dict[str, float]] = {"max_steps": 200}
    """Many rounds: a plan makes the most of what the model gets wrong, and only driving it shows."""
    training: ClassVar[dict[str, float]] = {"epochs": 90, "learning_rate": 1.5e-3, "batch_size": 128, "patience": 15}
    pets: ClassVar[dict[str, Any]] = {
        "exploration_episodes": 5,
        "trials": 60,
        "max_steps": 200,
        "members": 5,
        "hidden_sizes": (128, 128, 128),
        "epochs": 10,
        "batch_size": 64,
        "learning_rate": 1e-3,
        "warm_start": True,
        "planner": "icem",
        "planner_settings": {
            "horizon": 15,
            "steps_per_knot": 1,
            "population": 200,
            "elites": 20,
            "iterations": 3,
            "noise_beta": 0.25,
        },
        "particles": 5,
    }
    """For two cores: of the paper's 30 steps × 500 candidates × 5 iterations × 20 particles some thirtieth part.

    Short episodes, because a body that fell on its back stays there and fills the data with that.
    """

    def _make(self, render_mode: str | None) -> gymnasium.Env[Any, Any]:
        from .envs.forward_speed import ForwardSpeed

        with _quiet():
            return ForwardSpeed(super()._make(render_mode))

    def planner_settings(self) -> dict[str, Any]:
        """Settings of ``CEM`` with which the body learns to run: 0.5 s ahead, no further than a young model is to be believed."""
        return {
            "horizon": 10,
            "steps_per_knot": 1,
            "population": 150,
            "elites": 15,
            "iterations": 3,
            "init_std": 0.5,
            "min_std": 0.0,
            "momentum": 0.1,
            "keep_elites": 6,
            "include_mean": True,
            "returns": "best",
            "warm_start": True,
            "noise_beta": 0.25,
        }

    def reward(self) -> nn.Module:
        """The environment's reward."""
        from mbrl_fast.rewards import ForwardReward

        return ForwardReward(speed=0)

    def tracker(self) -> HalfCheetahTracker:
        """A fresh measurement of one episode."""
        return HalfCheetahTracker(self.dt)

    def errors(self, predicted: Array, actual: Array) -> dict[str, NDArray[np.float64]]:
        """How far apart states are. predicted, actual: [..., 18] -> {"speed [m/s]", "height [m]", ...}, each [...]."""
        apart = np.abs(predicted.astype(np.float64) - actual)
        return {
            "speed [m/s]": apart[..., 0],
            "height [m]": apart[..., 1],
            "pitch [rad]": apart[..., 2],
            "joints [rad]": apart[..., 3:9].mean(-1),
        }


class HalfCheetahTracker(Tracker):
    """Watches one episode of running."""

    def __init__(self, dt: float) -> None:
        super().__init__()
        self._dt, self._distance = dt, 0.0

    def update(self, observation: ArrayLike, info: dict[str, Any]) -> None:
        """Take in what ``env.step`` returned."""
        super().update(observation, info)
        self._distance += self._dt * float(np.asarray(observation, dtype=np.float64)[0])

    def metrics(self) -> dict[str, Any]:
        """The episode so far: distance (m, forward), steps. Success has no meaning here."""
        return {"distance": self._distance, **super().metrics()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what MuJoCo has to say of gymnasium's model of the body, and would also write into a file where the user is."""
    import mujoco

    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(before)
