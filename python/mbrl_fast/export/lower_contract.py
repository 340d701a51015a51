"""Matrix products: constant matrices become linear instructions, the others inner products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .builder import LANE
from .program import FloatArray, IntArray, digest
from .registry import lowers
from .tools import Tools
from .values import BATCH, Const, Rows, common_candidate, unique_rows

Matrix = Rows | Const


@lowers("linear.default", keep_constants=True)
def linear(tools: Tools, x: Matrix, weight: Matrix, bias: Matrix | None) -> Rows:
    """x `[..., k]` weightᵀ `[m, k]` + bias `[m]`."""
    return _product(tools, x, _moved(weight, lambda t: t.transpose(-1, -2) if t.dim() > 1 else t), bias)


@lowers("addmm.default", keep_constants=True)
def addmm(tools: Tools, bias: Matrix, a: Matrix, b: Matrix, beta: float, alpha: float) -> Rows:
    """beta bias + alpha a b."""
    if alpha == 1 and beta == 1:
        return _product(tools, a, b, bias)
    return _product(tools, a, b, None) * alpha + tools.rows(bias) * beta


@lowers("mm.default", "bmm.default", "matmul.default", keep_constants=True)
def matmul(tools: Tools, a: Matrix, b: Matrix) -> Rows:
    """a b with the rules of torch.matmul for vectors and batches."""
    return _product(tools, a, b, None)


@lowers("bilinear.default", keep_constants=True)
def bilinear(tools: Tools, a: Matrix, b: Matrix, weight: Matrix, bias: Matrix | None) -> Rows:
    """Σ a_i weight[o, i, j] b_j + bias[o]: linear in a, then inner products with b."""
    o, i, j = weight.shape
    matrix = _moved(weight, lambda t: t.permute(1, 0, 2).reshape(i, o * j))
    left = _product(tools, a, matrix, None)
    left = tools.move(lambda ids: ids.reshape(*ids.shape[:-1], o, j), left)
    result = tools.dot(left, tools.move(torch.unsqueeze, tools.rows(b), -2), -1, False)
    return result if bias is None else result + bias


def _product(tools: Tools, a: Matrix, b: Matrix, bias: Matrix | None) -> Rows:
    """matmul(a, b) + bias."""
    a_vector, b_vector = len(a.shape) == 1, len(b.shape) == 1
    a = _moved(a, lambda t: t.unsqueeze(0)) if a_vector else a
    b = _moved(b, lambda t: t.unsqueeze(1)) if b_vector else b
    inside = None  # a bias that is part of the linear: one per column
    if isinstance(b, Const) and isinstance(a, Rows):
        inside = bias if isinstance(bias, Const) and bias.shape == b.shape[-1:] else None
        result = _times_constant(tools, a.ids, b, inside)
    elif isinstance(a, Const) and isinstance(b, Rows):
        turned = _moved(a, lambda t: t.transpose(-1, -2))
        assert isinstance(turned, Const)
        result = _times_constant(tools, b.ids.transpose(-1, -2), turned, None).transpose(-1, -2)
    else:
        left, right = tools.rows(a).ids.unsqueeze(-2), tools.rows(b).ids.transpose(-1, -2).unsqueeze(-3)
        result = tools.dot(tools.wrap(left), tools.wrap(right), -1, False).ids
    result = result.squeeze(-2) if a_vector else result
    result = result.squeeze(-1) if b_vector else result
    rows = tools.wrap(result)
    return rows if bias is None or inside is not None else rows + bias


def _times_constant(tools: Tools, ids: Tensor, matrix: Const, bias: Const | None) -> Tensor:
    """Ids `[..., n, m]` of ids `[..., n, k]` times a constant `[..., k, m]`.

    One linear for each distinct pair of an input vector (a tuple of rows) and a matrix, whatever the batch axes.
    """
    k, m = matrix.shape[-2:]
    batch = np.broadcast_shapes(ids.shape[:-2], matrix.shape[:-2])
    vectors = ids.expand(*batch, *ids.shape[-2:]).reshape(-1, k).numpy()
    weights, which = _distinct_matrices(matrix, batch, ids.shape[-2])
    rows = vectors // BATCH
    owner = common_candidate(vectors, tools.builder.level(rows) == LANE)
    first, inverse = unique_rows(np.concatenate([rows, which[:, None]], 1))
    offset = _float32(bias, (m,)) if bias is not None else np.zeros((1, m), np.float32)
    of_bias = bias.stand_in.contiguous().numpy().tobytes() if bias is not None else b""
    made = []
    for i in first:
        weight, origin = weights[which[i]]
        made.append(tools.builder.linear(rows[i], weight, offset, digest(origin, of_bias)))
    found = np.stack(made)[inverse]
    result = found * BATCH + np.where(tools.builder.level(found) == LANE, owner[:, None], 0)
    return torch.from_numpy(result).reshape(*batch, ids.shape[-2], m)


def _distinct_matrices(matrix: Const, batch: tuple[int, ...], n: int) -> tuple[list[tuple[FloatArray, bytes]], IntArray]:
    """Distinct transposed matrices `[1|M, m, k]` with a digest of their origin, and which each of the vectors uses.

    There are `prod(batch) * n` vectors.
    """
    values = _float32(matrix, matrix.shape)
    k, m = matrix.shape[-2:]
    slices = values.reshape(len(values), -1, k, m)
    others = matrix.stand_in.reshape(-1, k, m).numpy()
    known: dict[bytes, int] = {}
    weights: list[tuple[FloatArray, bytes]] = []
    name = np.empty(slices.shape[1], np.int64)
    for i in range(slices.shape[1]):
        weight = np.ascontiguousarray(slices[:, i].transpose(0, 2, 1))
        origin = digest(others[i].tobytes())
        key = weight.tobytes() + origin
        if key not in known:
            known[key] = len(weights)
            weights.append((weight, origin))
        name[i] = known[key]
    spread = torch.from_numpy(name).reshape(matrix.shape[:-2]).expand(batch).reshape(-1)
    return weights, spread.numpy().repeat(n)


def _float32(value: Const, shape: tuple[int, ...]) -> FloatArray:
    """`[1|M, *shape]`."""
    return np.stack([t.detach().to(torch.float32).reshape(shape).numpy() for t in value.tensors])


def _moved(value: Matrix, function: Callable[[Tensor], Tensor]) -> Matrix:
    """A view of either kind of value."""
    if isinstance(value, Const):
        return Const(tuple(function(tensor) for tensor in value.tensors), function(value.stand_in))
    return value.tools.move(function, value)
