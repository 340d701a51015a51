"""Normalisation layers and distances between vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .lower_reduce import moments, norm
from .registry import lowers
from .tools import Tools, broadcast
from .values import Rows


def _affine(x: Rows, weight: Rows | None, bias: Rows | None) -> Rows:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _layer_norm(
    tools: Tools, x: Rows, shape: Sequence[int], weight: Rows | None, bias: Rows | None, eps: float
) -> tuple[Rows, Rows, Rows]:
    dims = list(range(-len(shape), 0))
    variance, centre = moments(tools, x, dims, True, 0.0)
    scale = 1.0 / tools.map("sqrt", variance + eps)
    return _affine((x - centre) * scale, weight, bias), centre, scale


@lowers("layer_norm.default")
def layer_norm(tools: Tools, x: Rows, shape: Sequence[int], weight: Any, bias: Any, eps: float, _cudnn: bool) -> Rows:
    """(x - mean) / sqrt(var + eps) weight + bias over the last axes."""
    return _layer_norm(tools, x, shape, weight, bias, eps)[0]


@lowers("_native_batch_norm_legit_no_training.default")
def batch_norm(
    tools: Tools, x: Rows, weight: Any, bias: Any, mean: Rows, var: Rows, _momentum: float, eps: float
) -> tuple[Rows, None, None]:
    """Evaluation mode: constants per channel, axis 1."""
    shape = [-1, *[1] * (len(x.shape) - 2)]
    scale = 1.0 / tools.map("sqrt", tools.move(torch.reshape, var, shape) + eps)
    scaled = (x - tools.move(torch.reshape, mean, shape)) * scale
    return _affine(scaled, *(None if v is None else tools.move(torch.reshape, v, shape) for v in (weight, bias))), None, None


@lowers("native_group_norm.default")
def group_norm(
    tools: Tools, x: Rows, weight: Any, bias: Any, n: int, channels: int, _inner: int, groups: int, eps: float
) -> tuple[Rows, None, None]:
    """Normalised over the channels of a group and all that follows, `[n, channels, ...]`."""
    grouped = tools.move(torch.reshape, x, [n, groups, -1])
    variance, centre = moments(tools, grouped, [2], True, 0.0)
    scaled = (grouped - centre) * (1.0 / tools.map("sqrt", variance + eps))
    back = tools.move(torch.reshape, scaled, list(x.shape))
    trailing = [1] * (len(x.shape) - 2)
    shaped = [None if v is None else tools.move(torch.reshape, v, [-1, *trailing]) for v in (weight, bias)]
    return _affine(back, *shaped), None, None


@lowers("_cdist_forward.default")
def cdist(tools: Tools, a: Rows, b: Rows, order: float = 2.0, *_: Any) -> Rows:
    """Distances `[..., n, m]` between vectors `[..., n, d]` and `[..., m, d]`, of the differences themselves."""
    difference = tools.move(torch.unsqueeze, a, -2) - tools.move(torch.unsqueeze, b, -3)
    return norm(tools, difference, order, [-1], False)


@lowers("linalg_cross.default")
def cross(tools: Tools, a: Rows, b: Rows, dim: int) -> Rows:
    """Cross product along an axis of length 3."""

    def rolled(value: Rows, shift: int) -> Rows:
        return tools.move(torch.roll, value, shift, dim)

    a, b = (tools.wrap(ids) for ids in broadcast(a.ids, b.ids))
    return rolled(a, -1) * rolled(b, -2) - rolled(a, -2) * rolled(b, -1)
