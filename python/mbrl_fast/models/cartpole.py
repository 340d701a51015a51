"""The balanced cart-pole, exactly as its environment integrates it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CartPoleModel(nn.Module):
    """A pole on a cart, one explicit Euler step; agrees with the task's environment to single precision.

    With force F = force · action, total mass M, pole mass m and half length l (Florian 2007, "Correct equations for the dynamics of
    the cart-pole system", without friction):

        p = (F + m l ω² sin θ) / M;   ω' = (g sin θ − p cos θ) / (l (4/3 − m cos² θ / M));   v' = p − m l ω' cos θ / M

    and every entry of [x, v, θ, ω] moves by dt times its rate before the step. θ is from upright; actions are not clipped.

    Args:
        dt: seconds per step; gravity: g, m/s²; cart_mass, pole_mass: kg; half_length: l, m; force: N at action 1.
    """

    def __init__(
        self,
        dt: float = 0.02,
        gravity: float = 9.8,
        cart_mass: float = 1.0,
        pole_mass: float = 0.1,
        half_length: float = 0.5,
        force: float = 10.0,
    ) -> None:
        super().__init__()
        values = {"dt": dt, "cart_mass": cart_mass, "pole_mass": pole_mass, "half_length": half_length, "force": force}
        for name, value in values.items():
            if not 0.0 < value < float("inf"):
                raise ValueError(f"{name} must be greater than 0 and finite, got {name}={value}")
        self.dt, self.gravity, self.half_length, self.force = dt, gravity, half_length, force
        self.mass = cart_mass + pole_mass
        self.share = pole_mass / self.mass

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """state [..., 4], action [..., 1] -> next_state [..., 4]."""
        _, speed, angle, turn = state.unbind(-1)
        sin, cos = torch.sin(angle), torch.cos(angle)
        push = self.force / self.mass * action[..., 0] + self.share * self.half_length * turn.square() * sin
        turning = (self.gravity * sin - push * cos) / (self.half_length * (4.0 / 3.0 - self.share * cos.square()))
        pushing = push - self.share * self.half_length * turning * cos
        rates = torch.stack([speed, pushing, turn, turning], dim=-1)
        return state + self.dt * rates
