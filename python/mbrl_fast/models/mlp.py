"""A residual network for any task: the state, plus what a small network says it changes by."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float32]


class MLP(nn.Module):
    """next_state = state + mean + std · (A z + network(z)), z the normalised state and action; angles are turned.

    The network has SiLU between its layers, and A is a linear layer beside it, so that a task which is nearly linear is learnt
    from few transitions. Of an angle that the state holds as (cos, sin) the model says how far it turns, and rotates it: cos² +
    sin² = 1 stays true, however long the rollout.

    Args:
        state_size: S. action_size: A. hidden_sizes: units of each hidden layer.
        angles: index pairs (cos, sin) of the state.
    """

    input_mean: Tensor
    input_std: Tensor
    change_mean: Tensor
    change_std: Tensor

    def __init__(
        self,
        state_size: int,
        action_size: int,
        hidden_sizes: Sequence[int] = (64, 64),
        angles: Sequence[tuple[int, int]] = (),
    ) -> None:
        super().__init__()
        for name, value in (("state_size", state_size), ("action_size", action_size)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {name}={value}")
        if not hidden_sizes or min(hidden_sizes) < 1:
            raise ValueError(f"hidden_sizes must be at least one size, each at least 1, got hidden_sizes={list(hidden_sizes)}")
        self.state_size, self.angles = state_size, tuple((int(cos), int(sin)) for cos, sin in angles)
        paired = [index for pair in self.angles for index in pair]
        if len(set(paired)) != len(paired) or not all(0 <= index < state_size for index in paired):
            raise ValueError(f"angles must be pairs of different indices below state_size={state_size}, got angles={list(angles)}")
        self.straight = [index for index in range(state_size) if index not in paired]
        inputs, outputs = state_size + action_size, len(self.straight) + len(self.angles)
        sizes = [inputs, *hidden_sizes]
        hidden = [module for a, b in pairwise(sizes) for module in (nn.Linear(a, b), nn.SiLU())]
        self.network = nn.Sequential(*hidden, nn.Linear(sizes[-1], outputs))
        self.linear = nn.Linear(inputs, outputs, bias=False)
        for name, size in (("input", inputs), ("change", outputs)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """state [..., S], action [..., A] -> next_state [..., S]."""
        z = (torch.cat([state, action], dim=-1) - self.input_mean) / self.input_std
        change = self.change_mean + self.change_std * (self.linear(z) + self.network(z))
        entries: dict[int, Tensor] = {}
        for place, index in enumerate(self.straight):
            entries[index] = state[..., index] + change[..., place]
        for place, (cos, sin) in enumerate(self.angles, start=len(self.straight)):
            entries[cos], entries[sin] = _turned(state[..., cos], state[..., sin], change[..., place])
        return torch.stack([entries[index] for index in range(self.state_size)], dim=-1)

    def normalise(self, states: Array, actions: Array, next_states: Array) -> Self:
        """Take the scales of inputs and changes from transitions, [N, S], [N, A] and [N, S], and give the model itself back.

        It then begins as the best linear model of them, the network's last layer at zero but for its bias. The best is that of
        least absolute errors: the few transitions that end at a stop do not bend what is learnt of all others.
        """
        turns = []
        for cos, sin in self.angles:
            turn = np.arctan2(next_states[:, sin], next_states[:, cos]) - np.arctan2(states[:, sin], states[:, cos])
            turns.append((turn + np.pi) % (2.0 * np.pi) - np.pi)
        change = np.concatenate([(next_states - states)[:, self.straight], *[turn[:, None] for turn in turns]], axis=1)
        for name, values in (("input", np.concatenate([states, actions], axis=1)), ("change", change)):
            # an entry that never changes keeps its scale: dividing by nothing would be worse
            spread = values.std(0)
            mean, std = values.mean(0), np.where(spread > 1e-6, spread, 1.0)
            getattr(self, f"{name}_mean").copy_(torch.from_numpy(np.asarray(mean, np.float32)))
            getattr(self, f"{name}_std").copy_(torch.from_numpy(np.asarray(std, np.float32)))
        self._begin_linear(np.concatenate([states, actions], axis=1), change)
        return self

    @torch.no_grad()
    def _begin_linear(self, inputs: Array, change: Array) -> None:
        z = (inputs - self.input_mean.numpy()) / self.input_std.numpy()
        wanted = (change - self.change_mean.numpy()) / self.change_std.numpy()
        z = np.concatenate([z, np.ones((len(z), 1))], axis=1).astype(np.float64)
        slope = np.stack([_least_absolute(z, column) for column in wanted.T.astype(np.float64)]).astype(np.float32)
        self.linear.weight.copy_(torch.from_numpy(slope[:, :-1]))
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        last.weight.zero_()
        last.bias.copy_(torch.from_numpy(slope[:, -1]))


def _least_absolute(
    inputs: NDArray[np.float64], wanted: NDArray[np.float64], rounds: int = 30, small: float = 1e-4
) -> NDArray[np.float64]:
    """The w [I] for which |inputs [N, I] · w − wanted [N]| is least in sum, by least squares with weights 1 / |error|, in rounds.

    Errors below `small` weigh the same.
    """
    weights: NDArray[np.float64] = np.ones(len(inputs))
    solved = np.zeros(inputs.shape[1])
    for _ in range(rounds):
        root = np.sqrt(weights)
        solved = np.asarray(np.linalg.lstsq(inputs * root[:, None], wanted * root, rcond=1e-6)[0], np.float64)
        weights = 1.0 / np.maximum(np.abs(inputs @ solved - wanted), small)
    return solved


def _turned(cos: Tensor, sin: Tensor, turn: Tensor) -> tuple[Tensor, Tensor]:
    """(cos, sin) at length one, turned by an angle."""
    scale = torch.rsqrt((cos * cos + sin * sin).clamp_min(1e-12))
    cos, sin = cos * scale, sin * scale
    cos_turn, sin_turn = torch.cos(turn), torch.sin(turn)
    return cos * cos_turn - sin * sin_turn, sin * cos_turn + cos * sin_turn
