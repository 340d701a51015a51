"""A learnt value: what a state is worth to whoever goes on from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from .features import Array, check_angles, with_angles
from .scalar import ScalarNetwork


class LearntValue(nn.Module):
    """value = a network of the state; ``value_learning.learn_value`` fits it, ``export(…, terminal_value=…)`` takes it.

    Args:
        state_size: S. hidden_sizes: units of each hidden layer.
        angles: indices of the state's entries that are angles in radians, of which the network sees cosine and sine.
    """

    def __init__(self, state_size: int, hidden_sizes: Sequence[int] = (64, 64), angles: Sequence[int] = ()) -> None:
        super().__init__()
        if state_size < 1:
            raise ValueError(f"state_size must be at least 1, got state_size={state_size}")
        self.angles = check_angles(angles, state_size)
        self.scalar = ScalarNetwork(state_size + len(self.angles), hidden_sizes)

    def forward(self, state: Tensor) -> Tensor:
        """state [..., S] -> value [...]."""
        value: Tensor = self.scalar(with_angles(state, self.angles))
        return value

    def normalise(self, states: Array, returns: Array) -> Self:
        """Take the scales from states [N, S] and what they were worth [N], and give the model itself back."""
        self.scalar.normalise(with_angles(torch.from_numpy(states), self.angles).numpy(), returns)
        return self
