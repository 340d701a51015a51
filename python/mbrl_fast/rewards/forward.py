"""Running forward: the reward of HalfCheetah."""

from __future__ import annotations

from torch import Tensor, nn


class ForwardReward(nn.Module):
    """next_state[speed] − effort_weight · |action|²: speed forward, less what it costs (gymnasium's HalfCheetah-v5).

    Args:
        speed: index of the state entry that holds the mean speed over the step, m/s. effort_weight: not negative.
    """

    def __init__(self, speed: int = 0, effort_weight: float = 0.1) -> None:
        super().__init__()
        if speed < 0:
            raise ValueError(f"speed must be an index from 0, got speed={speed}")
        if not 0.0 <= effort_weight < float("inf"):
            raise ValueError(f"effort_weight must be finite and not negative, got effort_weight={effort_weight}")
        self.speed, self.effort_weight = speed, effort_weight

    def forward(self, next_state: Tensor, action: Tensor) -> Tensor:
        """next_state [..., S], action [..., A] -> reward [...]."""
        return next_state[..., self.speed] - self.effort_weight * action.square().sum(-1)
