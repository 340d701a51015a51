"""A network for one number, in the scales of its data: what learnt rewards and values are made of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .features import Array, scales, silu_network


class ScalarNetwork(nn.Module):
    """output_mean + output_std · network((inputs − input_mean) / input_std), SiLU between the layers.

    Args:
        inputs: I. hidden_sizes: units of each hidden layer.
    """

    input_mean: Tensor
    input_std: Tensor
    output_mean: Tensor
    output_std: Tensor

    def __init__(self, inputs: int, hidden_sizes: Sequence[int]) -> None:
        super().__init__()
        self.network = silu_network(inputs, hidden_sizes, 1)
        for name, size in (("input", inputs), ("output", 1)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))

    def forward(self, inputs: Tensor) -> Tensor:
        """inputs [..., I] -> [...]."""
        z = (inputs - self.input_mean) / self.input_std
        scaled: Tensor = self.output_mean + self.output_std * self.network(z)
        return scaled[..., 0]

    @torch.no_grad()
    def normalise(self, inputs: Array, outputs: Array) -> None:
        """Take the scales from data [N, I] and [N]; what is constant keeps the scale 1. Weights stay as they are."""
        for name, values in (("input", inputs), ("output", outputs[:, None])):
            mean, std = scales(values)
            getattr(self, f"{name}_mean").copy_(mean)
            getattr(self, f"{name}_std").copy_(std)
