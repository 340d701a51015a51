"""gymnasium's CartPole with a continuous force."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from numpy.typing import NDArray


class ContinuousCartPole(CartPoleEnv):
    """gymnasium's CartPole, its constants, starts, limits and pictures, but for an action in [−1, 1] that scales the force of 10 N.

    It is the environment of mbrl-lib's ``pets_cartpole`` (mbrl/env/cartpole_continuous.py). Every step gives 1, that of the fall
    too, and steps beyond it nothing; the reward that mbrl-lib plans with has no 1 for the fall.
    """

    state: Any
    """[4] float64, whatever is observed in single precision."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    @property
    def dt(self) -> float:
        """Seconds of one step."""
        return float(self.tau)

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One explicit Euler step (see ``mbrl_fast.models.CartPoleModel``). action [1], in units of 10 N."""
        position, speed, angle, turn = self.state
        standing = not self._fallen()
        sin, cos = math.sin(angle), math.cos(angle)
        push = (self.force_mag * float(np.asarray(action).item()) + self.polemass_length * turn**2 * sin) / self.total_mass
        resistance = self.length * (4.0 / 3.0 - self.masspole * cos**2 / self.total_mass)
        turning = (self.gravity * sin - cos * push) / resistance
        pushing = push - self.polemass_length * turning * cos / self.total_mass
        self.state = np.array(
            [position + self.tau * speed, speed + self.tau * pushing, angle + self.tau * turn, turn + self.tau * turning]
        )
        if self.render_mode == "human":
            self.render()  # type: ignore[no-untyped-call]
        return np.array(self.state, dtype=np.float32), float(standing), self._fallen(), False, {}

    def _fallen(self) -> bool:
        position, _, angle, _ = self.state
        return bool(abs(position) > self.x_threshold or abs(angle) > self.theta_threshold_radians)
