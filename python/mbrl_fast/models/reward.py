"""A learnt reward, where nobody has written one down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from .features import Array, check_angles, with_angles
from .scalar import ScalarNetwork


class LearntReward(nn.Module):
    """reward = a network of state, action and next state; ``training.train_reward`` fits it, ``export(…, reward)`` takes it.

    Args:
        state_size: S. action_size: A. hidden_sizes: units of each hidden layer.
        angles: indices of the state's entries that are angles in radians, of which the network sees cosine and sine.
    """

    def __init__(
        self, state_size: int, action_size: int, hidden_sizes: Sequence[int] = (64, 64), angles: Sequence[int] = ()
    ) -> None:
        super().__init__()
        for name, value in (("state_size", state_size), ("action_size", action_size)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {name}={value}")
        self.angles = check_angles(angles, state_size)
        self.scalar = ScalarNetwork(2 * (state_size + len(self.angles)) + action_size, hidden_sizes)

    def forward(self, state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
        """state [..., S], action [..., A], next_state [..., S] -> reward [...]."""
        reward: Tensor = self.scalar(self._seen(state, action, next_state))
        return reward

    def _seen(self, state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
        return torch.cat([with_angles(state, self.angles), action, with_angles(next_state, self.angles)], dim=-1)

    def normalise(self, states: Array, actions: Array, next_states: Array, rewards: Array) -> Self:
        """Take the scales from transitions, [N, S], [N, A], [N, S] and [N], and give the model itself back."""
        seen = self._seen(*(torch.from_numpy(column) for column in (states, actions, next_states)))
        self.scalar.normalise(seen.numpy(), rewards)
        return self
