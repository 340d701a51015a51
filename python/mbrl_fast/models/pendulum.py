"""gymnasium's pendulum, exactly as the environment integrates it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PendulumModel(nn.Module):
    """Pendulum-v1 in its own observation; agrees with the environment to single precision.

    The environment takes one semi-implicit Euler step (gymnasium/envs/classic_control/pendulum.py):

        ω ← clip(ω + (3g/(2l) sin θ + 3/(m l²) u) τ, ±max_speed);  θ ← θ + ω τ

    States are [cos θ, sin θ, ω] (θ from upright, ω in rad/s), actions [u] (N·m), clipped to ±max_torque as there. The angle is
    turned by rotating (cos θ, sin θ), at length one, so there is no angle to unwrap and rounding does not build up.

    Args:
        dt: τ, seconds per step; gravity: g, m/s²; mass: m, kg; length: l, m; max_speed: rad/s; max_torque: N·m.
    """

    def __init__(
        self,
        dt: float = 0.05,
        gravity: float = 10.0,
        mass: float = 1.0,
        length: float = 1.0,
        max_speed: float = 8.0,
        max_torque: float = 2.0,
    ) -> None:
        super().__init__()
        values = {"dt": dt, "mass": mass, "length": length, "max_speed": max_speed, "max_torque": max_torque}
        for name, value in values.items():
            if not 0.0 < value < float("inf"):
                raise ValueError(f"{name} must be greater than 0 and finite, got {name}={value}")
        self.dt, self.max_speed, self.max_torque = dt, max_speed, max_torque
        self.pull = 1.5 * gravity / length * dt
        self.push = 3.0 / (mass * length**2) * dt

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """state [..., 3], action [..., 1] -> next_state [..., 3]."""
        cos, sin, velocity = state.unbind(-1)
        scale = torch.rsqrt((cos * cos + sin * sin).clamp_min(1e-12))
        cos, sin = cos * scale, sin * scale
        torque = action[..., 0].clamp(-self.max_torque, self.max_torque)
        velocity = (velocity + self.pull * sin + self.push * torque).clamp(-self.max_speed, self.max_speed)
        turn = self.dt * velocity
        cos_turn, sin_turn = torch.cos(turn), torch.sin(turn)
        return torch.stack([cos * cos_turn - sin * sin_turn, sin * cos_turn + cos * sin_turn, velocity], dim=-1)
