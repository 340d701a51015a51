"""Gradient shooting in pure PyTorch: projected Adam on action sequences, as the planner in C++ does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

Returns = Callable[[Tensor], Tensor]
"""actions [N, H, A] -> returns [N], differentiable."""


class GradientPlan(NamedTuple):
    """actions [H, A], the best seen; value: its return; returns: of every start after every step, [iterations + 1, N]."""

    actions: Tensor
    value: float
    returns: Tensor


def gradient_shooting(
    returns: Returns, starts: Any, action_low: Tensor, action_high: Tensor, *, iterations: int = 20, step_size: float = 0.1,
    momentum: float = 0.9, second_momentum: float = 0.99,
) -> GradientPlan:  # fmt: skip
    """Climb from ``starts`` [N, H, A]; settings as of ``mbrl_fast.GradientShooting``."""
    actions = torch.as_tensor(starts, dtype=torch.float32).clamp(action_low, action_high)
    half = (action_high - action_low) / 2
    first, second = torch.zeros_like(actions), torch.zeros_like(actions)
    best, value, seen = actions[0], -torch.inf, []
    for step in range(iterations + 1):
        leaf = actions.detach().requires_grad_()
        now = returns(leaf)
        (slope,) = torch.autograd.grad(now.sum(), leaf)
        seen.append(now.detach())
        finite = torch.where(now.isfinite(), now, -torch.inf).detach()
        if float(finite.max()) > value:
            best, value = actions[int(finite.argmax())], float(finite.max())
        slope = torch.nan_to_num(slope * half, nan=0.0, posinf=0.0, neginf=0.0)
        first = momentum * first + (1 - momentum) * slope
        second = second_momentum * second + (1 - second_momentum) * slope * slope
        climb = first / (1 - momentum ** (step + 1)) / ((second / (1 - second_momentum ** (step + 1))).sqrt() + 1e-12)
        actions = (actions + step_size * half * climb).clamp(action_low, action_high)
    return GradientPlan(best, value, torch.stack(seen))
