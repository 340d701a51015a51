"""What networks are made of, what they see of a state, and the scales they see it in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float32]


def check_angles(angles: Sequence[int], state_size: int) -> tuple[int, ...]:
    """Indices of angles in a state, which must be different and below state_size."""
    indices = tuple(int(index) for index in angles)
    if len(set(indices)) != len(indices) or not all(0 <= index < state_size for index in indices):
        raise ValueError(f"angles must be different indices below state_size={state_size}, got angles={list(angles)}")
    return indices


def silu_network(inputs: int, hidden_sizes: Sequence[int], outputs: int) -> nn.Sequential:
    """Linear layers with SiLU between them. ValueError without a hidden layer, or with an empty one."""
    if not hidden_sizes or min(hidden_sizes) < 1:
        raise ValueError(f"hidden_sizes must be at least one size, each at least 1, got hidden_sizes={list(hidden_sizes)}")
    sizes = [inputs, *hidden_sizes]
    hidden = [module for a, b in pairwise(sizes) for module in (nn.Linear(a, b), nn.SiLU())]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], outputs))


def with_angles(state: Tensor, angles: Sequence[int]) -> Tensor:
    """state [..., S] -> [..., S + len(angles)]: the entries that are no angles, the angles' cosines, their sines."""
    if not angles:
        return state
    straight = [state[..., index, None] for index in range(state.shape[-1]) if index not in angles]
    turned = torch.stack([state[..., index] for index in angles], dim=-1)
    return torch.cat([*straight, torch.cos(turned), torch.sin(turned)], dim=-1)


def scales(values: Array) -> tuple[Tensor, Tensor]:
    """(mean, standard deviation) of each column of [N, K], both [K] float32; of a column that is constant (mean, 1)."""
    wide = values.astype(np.float64)
    mean, std = wide.mean(0), wide.std(0)
    constant = (values == values[:1]).all(0) | (std <= 1e-12)
    return torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(np.where(constant, 1.0, std).astype(np.float32))
