"""Activation functions of neural networks, from the operations of the core."""

from __future__ import annotations

import math

from .registry import lowers
from .tools import Tools
from .values import Operand, Rows


def _positive(tools: Tools, x: Rows, above: Operand, below: Operand) -> Rows:
    """`above` where x > 0, else `below` (also for NaN)."""
    return tools.map("where", tools.map("lt", 0.0, x), above, below)


def _clip(tools: Tools, x: Rows, low: float, high: float) -> Rows:
    return tools.map("minimum", tools.map("maximum", x, low), high)


@lowers("gelu.default")
def gelu(tools: Tools, x: Rows, approximate: str) -> Rows:
    """x Φ(x), by erf or the tanh approximation."""
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))
        return 0.5 * x * (1.0 + tools.map("tanh", inner))
    return 0.5 * x * (1.0 + tools.map("erf", x * math.sqrt(0.5)))


@lowers("softplus.default")
def softplus(tools: Tools, x: Rows, beta: float, threshold: float) -> Rows:
    """log(1 + exp(beta x)) / beta, x itself where beta x > threshold."""
    smooth = tools.map("softplus", x * beta) / beta
    return smooth if threshold >= 20 else tools.map("where", tools.map("lt", threshold, x * beta), x, smooth)


@lowers("mish.default")
def mish(tools: Tools, x: Rows) -> Rows:
    """x tanh(softplus(x))."""
    return x * tools.map("tanh", tools.map("softplus", x))


@lowers("elu.default")
def elu(tools: Tools, x: Rows, alpha: float, scale: float, input_scale: float) -> Rows:
    """scale x above 0, scale alpha (exp(input_scale x) - 1) below."""
    return _elu(tools, x, alpha, scale, input_scale)


def _elu(tools: Tools, x: Rows, alpha: float, scale: float, input_scale: float) -> Rows:
    return _positive(tools, x, x * scale, tools.map("expm1", x * input_scale) * (alpha * scale))


@lowers("celu.default")
def celu(tools: Tools, x: Rows, alpha: float) -> Rows:
    """x above 0, alpha (exp(x / alpha) - 1) below."""
    return _positive(tools, x, x, alpha * tools.map("expm1", x / alpha))


@lowers("selu.default")
def selu(tools: Tools, x: Rows) -> Rows:
    """Self-normalising ELU (Klambauer et al. 2017)."""
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return _elu(tools, x, alpha, scale, 1.0)


@lowers("leaky_relu.default")
def leaky_relu(tools: Tools, x: Rows, slope: float) -> Rows:
    """x above 0, slope x below."""
    return _positive(tools, x, x, x * slope)


@lowers("hardtanh.default")
def hardtanh(tools: Tools, x: Rows, low: float, high: float) -> Rows:
    """x between low and high."""
    return _clip(tools, x, low, high)


@lowers("relu6.default")
def relu6(tools: Tools, x: Rows) -> Rows:
    """x between 0 and 6."""
    return _clip(tools, x, 0.0, 6.0)


@lowers("hardsigmoid.default")
def hardsigmoid(tools: Tools, x: Rows) -> Rows:
    """relu6(x + 3) / 6."""
    return _clip(tools, x + 3.0, 0.0, 6.0) / 6.0


@lowers("hardswish.default")
def hardswish(tools: Tools, x: Rows) -> Rows:
    """x relu6(x + 3) / 6."""
    return x * _clip(tools, x + 3.0, 0.0, 6.0) / 6.0


@lowers("log_sigmoid.default")
def log_sigmoid(tools: Tools, x: Rows) -> Rows:
    """-softplus(-x)."""
    return -tools.map("softplus", -x)
