"""The cart-pole of the PETS paper: swing a hanging pole up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.mujoco import MujocoEnv
from numpy.typing import NDArray

Observation = NDArray[np.float64]

POLE_LENGTH = 0.6
"""Metres."""


class CartPoleSwingUp(MujocoEnv):
    """A pole that hangs from a cart, in MuJoCo: Chua et al. 2018 (arXiv 1805.12114), in their code dmbrl/env/cartpole.py.

    It observes [x, θ, velocity, turn rate], θ from hanging and never wrapped, and takes an action in [−3, 3] (times 100 N). The
    reward is that of ``mbrl_fast.rewards.SwingUpReward``. It starts hanging, every entry off by a normal with std 0.1, and never
    ends. The physical numbers of ``cartpole_swingup.xml`` are the paper's; a step is two of the simulator's, 0.04 s.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (as gymnasium declares it)
        "render_modes": ["human", "rgb_array", "depth_array", "rgbd_tuple"],
        "render_fps": 25,
    }

    def __init__(self, render_mode: str | None = None) -> None:
        observed = gymnasium.spaces.Box(-np.inf, np.inf, (4,), np.float64)
        super().__init__(str(Path(__file__).with_suffix(".xml")), 2, observed, render_mode=render_mode)

    def step(self, action: NDArray[np.floating]) -> tuple[Observation, np.float64, bool, bool, dict[str, Any]]:
        """One step of 0.04 s. action [1]; the simulator clips it to ±3, the reward does not."""
        self.do_simulation(action, self.frame_skip)
        observation = self._observation()
        if self.render_mode == "human":
            self.render()  # type: ignore[no-untyped-call]
        return observation, self._reward(observation, action), False, False, {}

    def _reward(self, observation: Observation, action: NDArray[np.floating]) -> np.float64:
        position, angle = observation[:2]
        aside, below = position - POLE_LENGTH * np.sin(angle), POLE_LENGTH * (1.0 + np.cos(angle))
        near = np.exp(-(aside**2 + below**2) / POLE_LENGTH**2)
        return np.float64(near - 0.01 * np.square(np.asarray(action, np.float64)).sum())

    def reset_model(self) -> Observation:
        """Hang the pole, a little off."""
        place, motion = self.np_random.normal(0.0, 0.1, (2, 2))
        self.set_state(self.init_qpos + place, self.init_qvel + motion)  # type: ignore[no-untyped-call]
        return self._observation()

    def _observation(self) -> Observation:
        return np.concatenate([self.data.qpos, self.data.qvel])
