"""Powers, roots, remainders and transcendental functions that the core composes from others."""

from __future__ import annotations

import math

import torch

from .registry import lowers
from .tools import Tools
from .values import Operand, Rows


@lowers("hypot.default")
def hypot(tools: Tools, x: Rows, y: Rows) -> Rows:
    """sqrt(x x + y y), scaled by the larger so that neither square overflows."""
    x, y = tools.map("abs", x), tools.map("abs", y)
    large, small = tools.map("maximum", x, y), tools.map("minimum", x, y)
    ratio = small / tools.map("where", tools.map("eq", large, 0.0), 1.0, large)
    scaled = large * tools.map("sqrt", ratio * ratio + 1.0)
    infinite = tools.map("logical_or", tools.map("eq", x, math.inf), tools.map("eq", y, math.inf))
    return tools.map("where", infinite, math.inf, scaled)


@lowers("exp2.default")
def exp2(tools: Tools, x: Rows) -> Rows:
    """2 ** x."""
    return tools.map("pow", 2.0, x)


@lowers("log2.default")
def log2(tools: Tools, x: Rows) -> Rows:
    """log(x) / log(2)."""
    return tools.map("log", x) * (1 / math.log(2))


@lowers("log10.default")
def log10(tools: Tools, x: Rows) -> Rows:
    """log(x) / log(10)."""
    return tools.map("log", x) * (1 / math.log(10))


@lowers("erfc.default")
def erfc(tools: Tools, x: Rows) -> Rows:
    """1 - erf(x); absolute accuracy only."""
    return 1.0 - tools.map("erf", x)


@lowers("sinh.default")
def sinh(tools: Tools, x: Rows) -> Rows:
    """With e = expm1(|x|): sign(x) (e + e / (e + 1)) / 2, exact near zero."""
    e = tools.map("expm1", tools.map("abs", x))
    half = 0.5 * (e + tools.map("where", tools.map("eq", e, math.inf), 1.0, e / (e + 1.0)))
    return tools.map("where", tools.map("lt", x, 0.0), -half, half)


@lowers("cosh.default")
def cosh(tools: Tools, x: Rows) -> Rows:
    """(exp(|x|) + exp(-|x|)) / 2."""
    size = tools.map("abs", x)
    return 0.5 * (tools.map("exp", size) + tools.map("exp", -size))


@lowers("asinh.default")
def asinh(tools: Tools, x: Rows) -> Rows:
    """sign(x) log1p(a + a a / (1 + sqrt(a a + 1))), a = |x|; log(2 a) where a a overflows."""
    a = tools.map("abs", x)
    near = tools.map("log1p", a + a * (a / (1.0 + tools.map("sqrt", a * a + 1.0))))
    size = tools.map("where", tools.map("lt", 1e15, a), tools.map("log", a) + math.log(2), near)
    return tools.map("where", tools.map("lt", x, 0.0), -size, size)


@lowers("acosh.default")
def acosh(tools: Tools, x: Rows) -> Rows:
    """log1p(t + sqrt(2 t + t t)), t = x - 1; log(2 x) where t t overflows."""
    t = x - 1.0
    near = tools.map("log1p", t + tools.map("sqrt", t * (t + 2.0)))
    return tools.map("where", tools.map("lt", 1e15, x), tools.map("log", x) + math.log(2), near)


@lowers("atanh.default")
def atanh(tools: Tools, x: Rows) -> Rows:
    """(log1p(x) - log1p(-x)) / 2."""
    return 0.5 * (tools.map("log1p", x) - tools.map("log1p", -x))


@lowers("xlogy.Tensor")
def xlogy(tools: Tools, x: Operand, y: Operand) -> Rows:
    """x log(y), 0 where x is 0 (NaN where y is)."""
    product = tools.map("mul", x, tools.map("log", y))
    zero = tools.map("logical_and", tools.map("eq", x, 0.0), tools.map("eq", y, y))
    return tools.map("where", zero, 0.0, product)


@lowers("round.decimals")
def round_decimals(tools: Tools, x: Rows, decimals: int) -> Rows:
    """Rounded to decimals, half to even."""
    return tools.map("round", x * 10.0**decimals) / 10.0**decimals


@lowers("remainder.Scalar", "remainder.Tensor", "remainder.Scalar_Tensor")
def remainder(tools: Tools, x: Operand, y: Operand) -> Rows:
    """Python's modulo: the sign of y. As torch: fmod, moved by y where the signs differ."""
    rest = tools.map("fmod", x, y)
    signs_differ = tools.map("ne", tools.map("lt", rest, 0.0), tools.map("lt", y, 0.0))
    wrong = tools.map("logical_and", tools.map("ne", rest, 0.0), signs_differ)
    return tools.map("where", wrong, rest + y, rest)


@lowers("pow.Tensor_Scalar", "pow.Tensor_Tensor", "pow.Scalar")
def power(tools: Tools, x: Operand, y: Operand) -> Rows:
    """x ** y; small fixed exponents as products and roots."""
    if isinstance(y, (int, float)):
        value = tools.rows(x)
        if y == 0:
            return tools.move(torch.broadcast_to, tools.rows(1.0), value.shape)
        if float(y).is_integer() and abs(y) <= 4:
            product = _whole_power(value, int(abs(y)))
            return product if y > 0 else 1.0 / product
        if y == 0.5:
            return tools.map("sqrt", value)
        if y == -0.5:
            return 1.0 / tools.map("sqrt", value)
    return tools.map("pow", x, y)


def _whole_power(x: Rows, exponent: int) -> Rows:
    if exponent == 1:
        return x
    half = _whole_power(x, exponent // 2)
    return half * half * x if exponent % 2 else half * half


@lowers("reciprocal.default")
def reciprocal(tools: Tools, x: Rows) -> Rows:
    """1 / x."""
    return 1.0 / x


@lowers("rsqrt.default")
def rsqrt(tools: Tools, x: Rows) -> Rows:
    """1 / sqrt(x)."""
    return 1.0 / tools.map("sqrt", x)


@lowers("div.Tensor_mode")
def div_mode(tools: Tools, x: Operand, y: Operand, mode: str | None = "floor") -> Rows:
    """x / y, rounded down (`floor`), towards zero (`trunc`) or not."""
    quotient = tools.map("div", x, y)
    return quotient if mode is None else tools.map(mode, quotient)
