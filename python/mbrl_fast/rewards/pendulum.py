"""Pendulum-v1's own reward."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PendulumReward(nn.Module):
    """−(θ² + speed_weight · velocity² + torque_weight · torque²), θ in [−π, π], of the state before the step, as gymnasium has it.

    Args:
        speed_weight, torque_weight: not negative. max_torque: N·m, to which the environment clips before it counts.
    """

    def __init__(self, speed_weight: float = 0.1, torque_weight: float = 0.001, max_torque: float = 2.0) -> None:
        super().__init__()
        for name, value in (("speed_weight", speed_weight), ("torque_weight", torque_weight)):
            if not 0.0 <= value < float("inf"):
                raise ValueError(f"{name} must be finite and not negative, got {name}={value}")
        if not max_torque > 0.0:
            raise ValueError(f"max_torque must be greater than 0, got max_torque={max_torque}")
        self.speed_weight, self.torque_weight, self.max_torque = speed_weight, torque_weight, max_torque

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """state [..., 3], action [..., 1] -> reward [...]."""
        angle = torch.atan2(state[..., 1], state[..., 0])
        torque = action[..., 0].clamp(-self.max_torque, self.max_torque)
        return -(angle.square() + self.speed_weight * state[..., 2].square() + self.torque_weight * torque.square())
