"""Reacher's own reward, by the geometry of its arm."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ReachReward(nn.Module):
    """−distance_weight · |tip − goal| − effort_weight · |action|², of the state reached (gymnasium's Reacher-v5).

    The tip is where the arm's two links end: upper · (cos θ1, sin θ1) + lower · (cos(θ1 + θ2), sin(θ1 + θ2)).

    Args:
        upper, lower: lengths of the links, m. distance_weight, effort_weight: not negative.
    """

    def __init__(self, upper: float = 0.1, lower: float = 0.11, distance_weight: float = 1.0, effort_weight: float = 1.0) -> None:
        super().__init__()
        for name, value in (("upper", upper), ("lower", lower)):
            if not 0.0 < value < float("inf"):
                raise ValueError(f"{name} must be greater than 0 and finite, got {name}={value}")
        for name, value in (("distance_weight", distance_weight), ("effort_weight", effort_weight)):
            if not 0.0 <= value < float("inf"):
                raise ValueError(f"{name} must be finite and not negative, got {name}={value}")
        self.upper, self.lower = upper, lower
        self.distance_weight, self.effort_weight = distance_weight, effort_weight

    def forward(self, next_state: Tensor, action: Tensor, goal: Tensor) -> Tensor:
        """next_state [..., 4] as [θ1, θ2, ...], action [..., 2], goal [2] or [..., 2] in metres -> reward [...]."""
        first, second = next_state[..., 0], next_state[..., 0] + next_state[..., 1]
        x = self.upper * torch.cos(first) + self.lower * torch.cos(second) - goal[..., 0]
        y = self.upper * torch.sin(first) + self.lower * torch.sin(second) - goal[..., 1]
        # the root has no finite slope at 0; below a micrometre the reward is flat
        distance = (x.square() + y.square()).clamp_min(1e-12).sqrt()
        return -self.distance_weight * distance - self.effort_weight * action.square().sum(-1)
