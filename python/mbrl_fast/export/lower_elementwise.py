"""Elementwise operations of ATen: most are one operation of the core, the rest a few."""

from __future__ import annotations

import math

import torch

from .errors import Refusal
from .registry import lowers
from .tools import Tools
from .values import Operand, Rows

_SAME = (
    "neg", "abs", "sign", "floor", "ceil", "trunc", "sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tan",
    "asin", "acos", "atan", "tanh", "sigmoid", "erf", "relu", "isnan", "logical_not", "minimum", "maximum",
    "atan2", "logical_and", "logical_or", "silu", "round",
)  # fmt: skip
_SAME_NAME = {
    **{f"{name}.default": name for name in _SAME},
    **{f"{name}.{overload}": name for name in ("lt", "le", "eq", "ne", "fmod") for overload in ("Scalar", "Tensor")},
    "mul.Tensor": "mul", "mul.Scalar": "mul", "div.Tensor": "div",
}  # fmt: skip


@lowers(*_SAME_NAME)
def same_name(tools: Tools, *operands: Operand) -> Rows:
    """The operation of the core with the same meaning."""
    return tools.map(_SAME_NAME[str(tools.node.target).removeprefix("aten.")], *operands)


@lowers("gt.Scalar", "gt.Tensor")
def gt(tools: Tools, x: Operand, y: Operand) -> Rows:
    """x > y."""
    return tools.map("lt", y, x)


@lowers("ge.Scalar", "ge.Tensor")
def ge(tools: Tools, x: Operand, y: Operand) -> Rows:
    """x >= y."""
    return tools.map("le", y, x)


@lowers("add.Tensor", "add.Scalar")
def add(tools: Tools, x: Operand, y: Operand, alpha: float) -> Rows:
    """x + alpha y."""
    return tools.rows(x) + _scaled(tools, y, alpha)


@lowers("sub.Tensor")
def sub(tools: Tools, x: Operand, y: Operand, alpha: float) -> Rows:
    """x - alpha y."""
    return tools.rows(x) - _scaled(tools, y, alpha)


def _scaled(tools: Tools, value: Operand, alpha: float) -> Rows:
    return tools.rows(value) if alpha == 1 else tools.rows(value) * alpha


@lowers("clamp.default", "clamp.Tensor")
def clamp(tools: Tools, x: Rows, low: Operand | None, high: Operand | None) -> Rows:
    """min(max(x, low), high)."""
    x = x if low is None else tools.map("maximum", x, low)
    return x if high is None else tools.map("minimum", x, high)


@lowers("clamp_min.default", "clamp_min.Tensor")
def clamp_min(tools: Tools, x: Rows, low: Operand) -> Rows:
    """max(x, low)."""
    return tools.map("maximum", x, low)


@lowers("clamp_max.default")
def clamp_max(tools: Tools, x: Rows, high: Operand) -> Rows:
    """min(x, high)."""
    return tools.map("minimum", x, high)


@lowers("isinf.default")
def isinf(tools: Tools, x: Rows) -> Rows:
    """|x| = inf."""
    return tools.map("eq", tools.map("abs", x), math.inf)


@lowers("fmax.default")
def fmax(tools: Tools, x: Rows, y: Rows) -> Rows:
    """The larger, the other one where one is NaN."""
    return tools.map("where", tools.map("isnan", x), y, tools.map("where", tools.map("isnan", y), x, tools.map("maximum", x, y)))


@lowers("fmin.default")
def fmin(tools: Tools, x: Rows, y: Rows) -> Rows:
    """The smaller, the other one where one is NaN."""
    return tools.map("where", tools.map("isnan", x), y, tools.map("where", tools.map("isnan", y), x, tools.map("minimum", x, y)))


@lowers("where.self")
def where(tools: Tools, condition: Operand, x: Operand, y: Operand) -> Rows:
    """x where the condition holds, else y."""
    return tools.map("where", condition, x, y)


@lowers("masked_fill.Scalar", "masked_fill.Tensor")
def masked_fill(tools: Tools, x: Rows, mask: Operand, value: Operand) -> Rows:
    """value where the mask holds, else x."""
    return tools.map("where", mask, value, x)


@lowers("bitwise_not.default", "bitwise_and.Tensor", "bitwise_or.Tensor", "bitwise_xor.Tensor", "logical_xor.default")
def bitwise(tools: Tools, *operands: Rows) -> Rows:
    """On bools the logical operations; integers are refused."""
    name = str(tools.node.target).split(".")[1]
    if name != "logical_xor" and any(tools.dtype(i) != torch.bool for i in range(len(operands))):
        raise Refusal("bits of integers are not supported. Use it on bools, or arithmetic")
    if name.endswith("xor"):
        return tools.map("ne", *(tools.map("ne", operand, 0.0) for operand in operands))
    return tools.map(name.replace("bitwise", "logical"), *operands)
