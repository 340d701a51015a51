"""Particles in pure PyTorch: which member each of them runs in each step, and with what noise (Chua et al. 2018, §5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

ITERATION = 2**32 - 1
"""What takes the place of the iteration in the noise of particles: no iteration of a planner has this number."""


def particles(
    noise: Callable[[int, int], Any], count: int, members: int, steps: int, state_size: int, propagation: str
) -> tuple[Tensor, Tensor]:
    """Deal particles and draw their noise.

    Args:
        noise: (particles, elements) -> [particles, elements] standard normals. count: particles, a multiple of the members.

    Returns:
        member of each particle in each step, int64 [steps, particles]; noise [steps, particles, state_size].
    """
    dealt = propagation == "ts1" and members > 1
    drawn = torch.as_tensor(noise(count, steps * (state_size + dealt)), dtype=torch.float32)
    normals = drawn[:, : steps * state_size].reshape(count, steps, state_size).transpose(0, 1)
    places = torch.arange(count).expand(steps, count)
    if dealt:
        places = drawn[:, steps * state_size :].T.argsort(dim=1, stable=True).argsort(dim=1)
    return places // (count // members), normals


def sampled(prediction: Any, noise: Tensor) -> Tensor:
    """The next state of what a model returned: next_state, or (mean, std) and noise [state_size]."""
    if isinstance(prediction, Tensor):
        return prediction
    mean, std = prediction
    result: Tensor = mean + std * noise
    return result
