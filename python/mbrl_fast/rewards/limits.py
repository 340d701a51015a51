"""Staying within limits: the reward of balancing tasks, the termination that belongs to it, and a value for the end of a plan."""

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


class Middle(nn.Module):
    """−Σ weight_i · state_i²: what the end of a plan is worth where every plan within the limits collects the same.

    Args:
        weights: index of a state entry -> its weight, not negative; at least one.
    """

    def __init__(self, weights: Mapping[int, float]) -> None:
        super().__init__()
        if not weights:
            raise ValueError("weights must name at least one state entry, got none")
        for index, weight in weights.items():
            if index < 0 or not 0.0 <= weight < float("inf"):
                raise ValueError(f"weights must be finite and not negative, of entries from 0, got {index}: {weight}")
        self.weights = dict(weights)

    def forward(self, state: Tensor) -> Tensor:
        """state [..., S] -> value [...]."""
        terms = [weight * state[..., index].square() for index, weight in self.weights.items()]
        return -torch.stack(terms, dim=-1).sum(-1)
