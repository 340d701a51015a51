"""Reductions over feature axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from .errors import Refusal
from .registry import lowers
from .tools import Tools
from .values import Rows

Dims = int | Sequence[int] | None


def count(x: Rows, dims: Dims) -> int:
    """Number of elements that a reduction over `dims` takes together."""
    return math.prod(x.shape[axis] for axis in x.tools.axes(x, dims))


@lowers("sum.dim_IntList", "sum.default")
def sum_(tools: Tools, x: Rows, dims: Dims = None, keepdim: bool | None = False, *_: Any) -> Rows:
    """Sum; `sum.default` has a dtype where the dims would be."""
    if str(tools.node.target) == "aten.sum.default":
        dims, keepdim = None, False
    return tools.reduce("sum", x, dims, bool(keepdim))


@lowers("mean.dim", "mean.default")
def mean(tools: Tools, x: Rows, dims: Dims = None, keepdim: bool | None = False, *_: Any) -> Rows:
    """Sum over count."""
    if str(tools.node.target) == "aten.mean.default":
        dims, keepdim = None, False
    return tools.reduce("sum", x, dims, bool(keepdim)) / float(count(x, dims))


@lowers("prod.dim_int", "prod.default")
def prod(tools: Tools, x: Rows, dim: int | None = None, keepdim: bool | None = False, *_: Any) -> Rows:
    """Product."""
    if str(tools.node.target) == "aten.prod.default":
        dim, keepdim = None, False
    return tools.reduce("prod", x, dim, bool(keepdim))


@lowers("amax.default", "amin.default")
def extreme(tools: Tools, x: Rows, dims: Dims, keepdim: bool) -> Rows:
    """Largest or smallest; NaN wins."""
    return tools.reduce(str(tools.node.target).split(".")[1], x, dims, keepdim)


@lowers("max.default", "min.default")
def extreme_of_all(tools: Tools, x: Rows) -> Rows:
    """Largest or smallest element of all."""
    return tools.reduce("a" + str(tools.node.target).split(".")[1], x, None, False)


@lowers("max.dim", "min.dim")
def extreme_and_index(tools: Tools, x: Rows, dim: int, keepdim: bool) -> tuple[Rows, Rows]:
    """Values and first indices."""
    name = str(tools.node.target).split(".")[1]
    return tools.reduce("a" + name, x, dim, keepdim), tools.reduce("arg" + name, x, dim, keepdim)


@lowers("argmax.default", "argmin.default")
def index_of_extreme(tools: Tools, x: Rows, dim: int | None, keepdim: bool) -> Rows:
    """First index, as a float row."""
    return tools.reduce(str(tools.node.target).split(".")[1], x, dim, keepdim)


@lowers("any.default", "any.dim", "any.dims")
def any_all(tools: Tools, x: Rows, dims: Dims = None, keepdim: bool = False) -> Rows:
    """Of elements that are not zero; NaN counts as true."""
    op = "amax" if str(tools.node.target).startswith("aten.any") else "amin"
    return tools.reduce(op, tools.map("ne", x, 0.0), dims, keepdim)


def moments(tools: Tools, x: Rows, dims: Dims, keepdim: bool, correction: float) -> tuple[Rows, Rows]:
    """(variance, mean), the deviations squared after subtracting the mean."""
    n = float(count(x, dims))
    centre = tools.reduce("sum", x, dims, True) / n
    deviation = x - centre
    free = max(n - correction, 0.0)
    variance = tools.dot(deviation, deviation, dims, keepdim)
    variance = variance / free if free else variance * math.nan if n == 1 else variance / 0.0
    return variance, tools.reduce("sum", x, dims, keepdim) / n


@lowers("var.correction")
def var(tools: Tools, x: Rows, dims: Dims, correction: float | None, keepdim: bool) -> Rows:
    """Variance or standard deviation, divided by n - correction (1 if not given)."""
    variance, _ = moments(tools, x, dims, keepdim, 1.0 if correction is None else correction)
    return tools.map("sqrt", variance) if str(tools.node.target).startswith("aten.std") else variance


@lowers("var_mean.correction")
def var_mean(tools: Tools, x: Rows, dims: Dims, correction: float | None, keepdim: bool) -> tuple[Rows, Rows]:
    """Variance (or standard deviation) and mean."""
    variance, centre = moments(tools, x, dims, keepdim, 1.0 if correction is None else correction)
    return (tools.map("sqrt", variance) if "std" in str(tools.node.target) else variance), centre


@lowers("linalg_vector_norm.default")
def vector_norm(tools: Tools, x: Rows, order: float, dims: Dims, keepdim: bool, _dtype: Any) -> Rows:
    """(Σ |x|^order)^(1/order); 0 counts, ±inf the largest and smallest."""
    return norm(tools, x, order, dims, keepdim)


def norm(tools: Tools, x: Rows, order: float, dims: Dims, keepdim: bool) -> Rows:
    """See vector_norm."""
    if order == 2:
        return tools.map("sqrt", tools.dot(x, x, dims, keepdim))
    size = tools.map("abs", x)
    if order == 0:
        return tools.reduce("sum", tools.map("ne", x, 0.0), dims, keepdim)
    if order == 1:
        return tools.reduce("sum", size, dims, keepdim)
    if math.isinf(order):
        return tools.reduce("amax" if order > 0 else "amin", size, dims, keepdim)
    return tools.map("pow", tools.reduce("sum", tools.map("pow", size, order), dims, keepdim), 1.0 / order)


@lowers("logsumexp.default")
def logsumexp(tools: Tools, x: Rows, dims: Dims, keepdim: bool) -> Rows:
    """max + log Σ exp(x - max); an infinite max is not subtracted."""
    total, largest = _exponentials(tools, x, dims)[1:]
    result = tools.map("log", total) + largest
    return result if keepdim else tools.move(torch.squeeze, result, tools.axes(x, dims))


def _exponentials(tools: Tools, x: Rows, dims: Dims) -> tuple[Rows, Rows, Rows]:
    """(exp(x - max), their sum, max), the last two with the reduced axes kept."""
    largest = tools.reduce("amax", x, dims, True)
    finite = tools.map("where", tools.map("eq", tools.map("abs", largest), math.inf), 0.0, largest)
    exponentials = tools.map("exp", x - finite)
    return exponentials, tools.reduce("sum", exponentials, dims, True), finite


@lowers("softmax.int")
def softmax(tools: Tools, x: Rows, dim: int, *_: Any) -> Rows:
    """exp(x - max) / Σ."""
    exponentials = tools.map("exp", x - tools.reduce("amax", x, dim, True))
    return exponentials / tools.reduce("sum", exponentials, dim, True)


@lowers("log_softmax.int")
def log_softmax(tools: Tools, x: Rows, dim: int, *_: Any) -> Rows:
    """x - max - log Σ exp(x - max)."""
    shifted = x - tools.reduce("amax", x, dim, True)
    return shifted - tools.map("log", tools.reduce("sum", tools.map("exp", shifted), dim, True))


@lowers("cumsum.default", "cumprod.default")
def cumulative(tools: Tools, x: Rows, dim: int, *_: Any) -> Rows:
    """Running sum or product."""
    op = "add" if "cumsum" in str(tools.node.target) else "mul"
    parts = tools.moves(torch.unbind, x, dim) if x.shape else [x]
    for i in range(1, len(parts)):
        parts[i] = tools.map(op, parts[i - 1], parts[i])
    return tools.move(torch.stack, parts, dim) if x.shape else x


@lowers("linalg_cholesky.default")
def cholesky(tools: Tools, x: Rows, _upper: bool) -> Rows:
    """Of a diagonal matrix `[..., n, n]`: its roots. Anything else is refused."""
    n = x.shape[-1]
    zero = int(tools.rows(0.0).ids)
    beside = x.ids[..., ~torch.eye(n, dtype=torch.bool)]
    if not bool((beside == zero).all()):
        raise Refusal("only the Cholesky factor of a diagonal matrix is supported. Return (mean, std)")
    roots = tools.map("sqrt", tools.move(lambda ids: ids.diagonal(dim1=-2, dim2=-1), x))
    return tools.move(lambda ids: torch.diag_embed(ids - zero) + zero, roots)
