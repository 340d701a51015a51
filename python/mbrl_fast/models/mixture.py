"""An ensemble as one model: the mean of its members, or the normal distribution with the mean and spread of their mixture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Expectation(nn.Module):
    """next_state = the mean of the members' means, anew in every step ("E" in Chua et al. 2018, PETS, section 5).

    Args:
        members: each gives next_state or (mean, std). They are held, not copied.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = _held(members)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """state [..., S], action [..., A] -> next_state [..., S]."""
        return torch.stack([mean_of(member(state, action)) for member in self.members]).mean(0)


class Mixture(nn.Module):
    """next_state ~ the normal distribution with the members' mixture's mean and variance ("DS" in Chua et al. 2018, section 5).

    The variance is the mean of the members' variances and the variance of their means: chance, and what is not known.

    Args:
        members: each gives (mean, std), or next_state, whose own variance is then nothing. They are held, not copied.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = _held(members)

    def forward(self, state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """state [..., S], action [..., A] -> (mean [..., S], standard deviation [..., S])."""
        predicted = [member(state, action) for member in self.members]
        means = torch.stack([mean_of(each) for each in predicted])
        variances = [torch.zeros_like(means[0]) if isinstance(each, Tensor) else each[1].square() for each in predicted]
        variance = torch.stack(variances).mean(0) + (means - means.mean(0)).square().mean(0)
        return means.mean(0), torch.sqrt(variance)


def mean_of(predicted: Any) -> Tensor:
    """The next state that a model gave, of (mean, std) the mean."""
    mean: Tensor = predicted if isinstance(predicted, Tensor) else predicted[0]
    return mean


def _held(members: Sequence[nn.Module]) -> nn.ModuleList:
    if not members:
        raise ValueError("members must be at least one module, got an empty list")
    return nn.ModuleList(members)
