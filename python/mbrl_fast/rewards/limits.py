"""Staying within limits: the reward of balancing tasks, and the termination that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Beyond(nn.Module):
    """Whether a state is beyond a limit: |state_i| > limit_i for one of the entries i, or not a number there.

    Args:
        limits: index of a state entry -> its limit, greater than 0; at least one.
    """

    def __init__(self, limits: Mapping[int, float]) -> None:
        super().__init__()
        if not limits:
            raise ValueError("limits must name at least one state entry, got none")
        for index, limit in limits.items():
            if index < 0 or not 0.0 < limit < float("inf"):
                raise ValueError(f"limits must be greater than 0 and finite, of entries from 0, got {index}: {limit}")
        self.limits = dict(limits)

    def forward(self, state: Tensor) -> Tensor:
        """state [..., S] -> bool [...]."""
        inside = [state[..., index].abs() <= limit for index, limit in self.limits.items()]
        return torch.stack(inside, dim=-1).logical_not().any(-1)


class Within(nn.Module):
    """1 for a step that ends within all limits, else 0; the limits are those of `Beyond`."""

    def __init__(self, limits: Mapping[int, float]) -> None:
        super().__init__()
        self.beyond = Beyond(limits)

    def forward(self, next_state: Tensor) -> Tensor:
        """next_state [..., S] -> reward [...]."""
        beyond: Tensor = self.beyond(next_state)
        return torch.where(beyond, 0.0, 1.0)
