"""The kinematic bicycle that drives highway-env's cars, exactly as the environment integrates it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Bicycle(nn.Module):
    """highway-env's car in the observation coordinates of parking-v0; agrees with the environment to about 1e-6.

    The environment takes explicit Euler substeps in the order position, heading, speed (highway_env/vehicle/kinematics.py):

        β = atan(tan(δ)/2);  x += v cos(h+β) τ;  y += v sin(h+β) τ;  h += v sin(β)/(L/2) τ;  v += a τ

    States are [x/100, y/100, vx/5, vy/5, cos h, sin h] (m, m/s), actions [throttle, steering], clipped to [-1, 1] as there.
    The heading is turned by rotations of (cos h, sin h), so there is no angle to unwrap; the speed is the velocity along
    the heading, negative in reverse.

    Args:
        dt: seconds per step; substeps: Euler steps in it; length: of the car, m; acceleration: m/s² at throttle 1;
        steering: rad at steering 1; max_speed: m/s, forwards and in reverse.
        learnable: whether length, acceleration and steering are parameters, for ``identify``; they begin as given.
    """

    def __init__(
        self,
        dt: float = 0.2,
        substeps: int = 3,
        length: float = 5.0,
        acceleration: float = 5.0,
        steering: float = math.pi / 4,
        max_speed: float = 40.0,
        learnable: bool = False,
    ) -> None:
        super().__init__()
        if substeps < 1:
            raise ValueError(f"substeps must be at least 1, got substeps={substeps}")
        self.substeps, self.tau, self.max_speed = substeps, dt / substeps, max_speed
        self.length: float | nn.Parameter = length
        self.acceleration: float | nn.Parameter = acceleration
        self.steering: float | nn.Parameter = steering
        if learnable:
            for name, value in (("length", length), ("acceleration", acceleration), ("steering", steering)):
                delattr(self, name)
                setattr(self, name, nn.Parameter(torch.tensor(value)))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """state [..., 6], action [..., 2] -> next_state [..., 6]."""
        x, y = 100.0 * state[..., 0], 100.0 * state[..., 1]
        cos, sin = _unit(state[..., 4], state[..., 5])
        speed = 5.0 * (state[..., 2] * cos + state[..., 3] * sin)
        throttle, wheel = action.clamp(-1.0, 1.0).unbind(-1)
        demanded = self.acceleration * throttle
        # sin β and cos β of β = atan(t), without the angle
        tangent = 0.5 * torch.tan(self.steering * wheel)
        cos_slip = torch.rsqrt(1.0 + tangent * tangent)
        sin_slip = tangent * cos_slip
        for _ in range(self.substeps):
            x = x + self.tau * speed * (cos * cos_slip - sin * sin_slip)
            y = y + self.tau * speed * (sin * cos_slip + cos * sin_slip)
            turn = (2.0 * self.tau / self.length) * speed * sin_slip
            cos_turn, sin_turn = torch.cos(turn), torch.sin(turn)
            cos, sin = cos * cos_turn - sin * sin_turn, sin * cos_turn + cos * sin_turn
            demanded = self._limited(demanded, speed)  # the environment keeps what it granted for the substeps that follow
            speed = speed + self.tau * demanded
        return torch.stack([x / 100.0, y / 100.0, speed * cos / 5.0, speed * sin / 5.0, cos, sin], dim=-1)

    def _limited(self, demanded: Tensor, speed: Tensor) -> Tensor:
        """The acceleration that the environment grants beyond a speed limit, m/s²."""
        granted = torch.where(speed > self.max_speed, torch.minimum(demanded, self.max_speed - speed), demanded)
        return torch.where(speed < -self.max_speed, torch.maximum(demanded, -self.max_speed - speed), granted)


def _unit(cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """The heading at length one, so that rounding does not build up over a long rollout."""
    scale = torch.rsqrt((cos * cos + sin * sin).clamp_min(1e-12))
    return cos * scale, sin * scale
