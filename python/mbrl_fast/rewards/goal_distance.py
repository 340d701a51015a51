"""How far the state is from a goal: highway-env's parking reward."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class GoalDistance(nn.Module):
    """−(Σᵢ wᵢ |next_stateᵢ − goalᵢ|)^power.

    With the default weights and power it is the reward of highway-env's parking-v0 (without its crash term).

    Args:
        weights: one per state entry, not negative.
        power: greater than 0; below 1 it rewards the last centimetres most.
    """

    weights: Tensor

    def __init__(self, weights: Sequence[float] = (1.0, 0.3, 0.0, 0.0, 0.02, 0.02), power: float = 0.5) -> None:
        super().__init__()
        if len(weights) == 0 or not all(0.0 <= w < float("inf") for w in weights):
            raise ValueError(f"weights must be finite and not negative, at least one, got weights={list(weights)}")
        if not 0.0 < power < float("inf"):
            raise ValueError(f"power must be greater than 0, got power={power}")
        self.power = power
        self.register_buffer("weights", torch.tensor(list(weights), dtype=torch.get_default_dtype()))

    def forward(self, next_state: Tensor, goal: Tensor) -> Tensor:
        """next_state [..., S], goal [S] or [..., S] -> reward [...]."""
        distance = ((next_state - goal).abs() * self.weights).sum(-1)
        if self.power == 1.0:
            return -distance
        # the root has no finite slope at 0; below this the reward is flat
        distance = distance.clamp_min(1e-12)
        return -distance.sqrt() if self.power == 0.5 else -distance.pow(self.power)
