"""The reward of the PETS paper's cart-pole: the tip of the pole near the point above the middle of the rail."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SwingUpReward(nn.Module):
    """exp(−|tip − goal|² / length²) − effort_weight · |action|², of the state reached.

    tip = (x − length · sin θ, −length · cos θ), θ from hanging, and goal = (0, length): Chua et al. 2018 (arXiv 1805.12114), in
    their code dmbrl/env/cartpole.py. It is 1 for a pole that stands still in the middle, and never more.

    Args:
        length: of the pole, m, greater than 0. effort_weight: not negative.
    """

    def __init__(self, length: float = 0.6, effort_weight: float = 0.01) -> None:
        super().__init__()
        if not 0.0 < length < float("inf"):
            raise ValueError(f"length must be greater than 0 and finite, got length={length}")
        if not 0.0 <= effort_weight < float("inf"):
            raise ValueError(f"effort_weight must be finite and not negative, got effort_weight={effort_weight}")
        self.length, self.effort_weight = length, effort_weight

    def forward(self, next_state: Tensor, action: Tensor) -> Tensor:
        """next_state [..., 4] as [x, θ, velocity, turn rate], action [..., A] -> reward [...]."""
        position, angle = next_state[..., 0], next_state[..., 1]
        aside = position / self.length - torch.sin(angle)
        below = 1.0 + torch.cos(angle)
        near = torch.exp(-(aside.square() + below.square()))
        return near - self.effort_weight * action.square().sum(-1)
