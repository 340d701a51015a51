"""A network that says how sure it is: the next state as a normal distribution, its spread learnt too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from .features import Array, check_angles, scales, silu_network, with_angles

STD = ("bounded", "softplus")
FLOOR = 1e-3
"""Least standard deviation with std="softplus", in units of the spread of the changes."""
BOUND_PENALTY = 0.005
"""Weight of the bounds in the loss: the paper's 0.01, of a loss that leaves out its factor of a half."""


class Gaussian(nn.Module):
    """next_state ~ Normal(state + change_mean + change_std · m(z), change_std · s(z)), z the normalised state and action.

    A network with SiLU between its layers gives m and what s is made of:

    * std="bounded": log s² clamped softly between two bounds for each entry of the state, which are learnt; ``penalty`` belongs
      to the loss and draws them together (Chua et al. 2018, PETS, appendix A.1);
    * std="softplus": s = softplus(·) + a floor of 0.001.

    Args:
        state_size: S. action_size: A. hidden_sizes: units of each hidden layer.
        angles: indices of the state's entries that are angles in radians. The network sees their cosine and sine; what it says
            they change by is added as it is, never wrapped, so the states of an episode must not be wrapped either.
        std: "bounded" or "softplus".
    """

    input_mean: Tensor
    input_std: Tensor
    change_mean: Tensor
    change_std: Tensor

    def __init__(
        self,
        state_size: int,
        action_size: int,
        hidden_sizes: Sequence[int] = (200, 200, 200, 200),
        angles: Sequence[int] = (),
        std: str = "bounded",
    ) -> None:
        super().__init__()
        for name, value in (("state_size", state_size), ("action_size", action_size)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {name}={value}")
        if std not in STD:
            raise ValueError(f"std must be one of {', '.join(STD)}, got std={std!r}")
        self.state_size, self.action_size, self.std = state_size, action_size, std
        self.angles = check_angles(angles, state_size)
        inputs = state_size + len(self.angles) + action_size
        self.network = silu_network(inputs, hidden_sizes, 2 * state_size)
        if std == "bounded":
            self.most_log_variance = nn.Parameter(torch.full((state_size,), 0.5))
            self.least_log_variance = nn.Parameter(torch.full((state_size,), -10.0))
        for name, size in (("input", inputs), ("change", state_size)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))

    def forward(self, state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """state [..., S], action [..., A] -> (mean [..., S], standard deviation [..., S])."""
        z = (self.seen(state, action) - self.input_mean) / self.input_std
        mean, raw = self.network(z).chunk(2, dim=-1)
        return state + self.change_mean + self.change_std * mean, self.change_std * self._std(raw)

    def seen(self, state: Tensor, action: Tensor) -> Tensor:
        """What the network sees, before it is normalised: [..., I]."""
        return torch.cat([with_angles(state, self.angles), action], dim=-1)

    def _std(self, raw: Tensor) -> Tensor:
        if self.std == "softplus":
            return softplus(raw) + FLOOR
        log_variance = self.most_log_variance - softplus(self.most_log_variance - raw)
        log_variance = self.least_log_variance + softplus(log_variance - self.least_log_variance)
        return torch.exp(0.5 * log_variance)

    def penalty(self) -> Tensor:
        """What is added to the loss: the distance between the learnt bounds, []; nothing with std="softplus"."""
        if self.std == "softplus":
            return torch.zeros(())
        return BOUND_PENALTY * (self.most_log_variance - self.least_log_variance).sum(-1)

    @torch.no_grad()
    def normalise(self, states: Array, actions: Array, next_states: Array) -> Self:
        """Take the scales of inputs and changes from transitions, [N, S], [N, A] and [N, S], and give the model itself back.

        An entry that never changes keeps the scale 1. Weights stay as they are.
        """
        seen = self.seen(torch.from_numpy(states), torch.from_numpy(actions)).numpy()
        for name, values in (("input", seen), ("change", next_states - states)):
            mean, std = scales(values)
            getattr(self, f"{name}_mean").copy_(mean)
            getattr(self, f"{name}_std").copy_(std)
        return self
