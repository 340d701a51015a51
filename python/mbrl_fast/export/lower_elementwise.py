"""Elementwise operations of ATen: most are one operation of the core, the rest a few."""

from __future__ import annotations

import math

import torch

from .errors import Refusal
from .registry import lowers
from .tools import Tools
from .values import Operand, Rows

_SAME_NAME = {
    **{f"{name}.default": name for name in (
        "neg abs sign floor ceil trunc sqrt exp expm1 log log1p sin cos tan asin acos atan tanh sigmoid erf relu isnan "
        "logical_not minimum maximum atan2 logical_and logical_or silu round"
    ).split()},
    **{f"{name}.{overload}": name for name in ("lt", "le", "eq", "ne") for overload in ("Scalar", "Tensor")},
    **{f"mul.{overload}": "mul" for overload in ("Scalar", "Tensor")},
    "fmod.Scalar": "fmod", "fmod.Tensor": "fmod", "div.Tensor": "div", "div.Scalar": "div", "true_divide.Tensor": "div",
    "fix.default": "trunc", "sgn.default": "sign", "arctan2.default": "atan2", "absolute.default": "abs",
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


@lowers("sub.Tensor", "sub.Scalar")
def sub(tools: Tools, x: Operand, y: Operand, alpha: float) -> Rows:
    """x - alpha y."""
    return tools.rows(x) - _scaled(tools, y, alpha)


@lowers("rsub.Scalar", "rsub.Tensor")
def rsub(tools: Tools, x: Operand, y: Operand, alpha: float) -> Rows:
    """y - alpha x."""
    return tools.rows(y) - _scaled(tools, x, alpha)


def _scaled(tools: Tools, value: Operand, alpha: float) -> Rows:
    return tools.rows(value) if alpha == 1 else tools.rows(value) * alpha


@lowers("div.Tensor_mode", "div.Scalar_mode", "floor_divide.default", "floor_divide.Scalar")
def div_mode(tools: Tools, x: Operand, y: Operand, mode: str | None = "floor") -> Rows:
    """x / y, rounded down (`floor`), towards zero (`trunc`) or not."""
    quotient = tools.map("div", x, y)
    return quotient if mode is None else tools.map(mode, quotient)


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


@lowers("square.default")
def square(tools: Tools, x: Rows) -> Rows:
    """x x."""
    return x * x


@lowers("reciprocal.default")
def reciprocal(tools: Tools, x: Rows) -> Rows:
    """1 / x."""
    return 1.0 / x


@lowers("rsqrt.default")
def rsqrt(tools: Tools, x: Rows) -> Rows:
    """1 / sqrt(x)."""
    return 1.0 / tools.map("sqrt", x)


@lowers("hypot.default")
def hypot(tools: Tools, x: Rows, y: Rows) -> Rows:
    """sqrt(x x + y y), scaled by the larger so that neither square overflows."""
    x, y = tools.map("abs", x), tools.map("abs", y)
    large, small = tools.map("maximum", x, y), tools.map("minimum", x, y)
    ratio = small / tools.map("where", tools.map("eq", large, 0.0), 1.0, large)
    scaled = large * tools.map("sqrt", ratio * ratio + 1.0)
    return tools.map("where", tools.map("eq", large, math.inf), large, scaled)


@lowers("round.decimals")
def round_decimals(tools: Tools, x: Rows, decimals: int) -> Rows:
    """Rounded to decimals, half to even."""
    return tools.map("round", x * 10.0**decimals) / 10.0**decimals


@lowers("frac.default")
def frac(tools: Tools, x: Rows) -> Rows:
    """x - trunc(x)."""
    return x - tools.map("trunc", x)


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


@lowers("lerp.Scalar", "lerp.Tensor")
def lerp(tools: Tools, x: Rows, y: Rows, weight: Operand) -> Rows:
    """x + weight (y - x)."""
    return x + tools.rows(weight) * (y - x)


@lowers("addcmul.default")
def addcmul(tools: Tools, x: Rows, a: Rows, b: Rows, value: float) -> Rows:
    """x + value a b."""
    return x + (a * b) * value


@lowers("addcdiv.default")
def addcdiv(tools: Tools, x: Rows, a: Rows, b: Rows, value: float) -> Rows:
    """x + value a / b."""
    return x + (a / b) * value


@lowers("clamp.default", "clamp.Tensor")
def clamp(tools: Tools, x: Rows, low: Operand | None, high: Operand | None) -> Rows:
    """min(max(x, low), high)."""
    x = x if low is None else tools.map("maximum", x, low)
    return x if high is None else tools.map("minimum", x, high)


@lowers("clamp_min.default", "clamp_min.Tensor")
def clamp_min(tools: Tools, x: Rows, low: Operand) -> Rows:
    """max(x, low)."""
    return tools.map("maximum", x, low)


@lowers("clamp_max.default", "clamp_max.Tensor")
def clamp_max(tools: Tools, x: Rows, high: Operand) -> Rows:
    """min(x, high)."""
    return tools.map("minimum", x, high)


@lowers("nan_to_num.default")
def nan_to_num(tools: Tools, x: Rows, nan: float | None, posinf: float | None, neginf: float | None) -> Rows:
    """NaN and infinities replaced."""
    largest = torch.finfo(torch.float32).max
    high, low = (largest if posinf is None else posinf), (-largest if neginf is None else neginf)
    known = tools.map("where", tools.map("isnan", x), nan or 0.0, x)
    known = tools.map("where", tools.map("eq", known, math.inf), high, known)
    return tools.map("where", tools.map("eq", known, -math.inf), low, known)


@lowers("isinf.default")
def isinf(tools: Tools, x: Rows) -> Rows:
    """|x| = inf."""
    return tools.map("eq", tools.map("abs", x), math.inf)


@lowers("isfinite.default")
def isfinite(tools: Tools, x: Rows) -> Rows:
    """|x| < inf, false for NaN."""
    return tools.map("lt", tools.map("abs", x), math.inf)


@lowers("fmax.default")
def fmax(tools: Tools, x: Rows, y: Rows) -> Rows:
    """The larger, the other one where one is NaN."""
    return tools.map("where", tools.map("isnan", x), y, tools.map("where", tools.map("isnan", y), x, tools.map("maximum", x, y)))


@lowers("fmin.default")
def fmin(tools: Tools, x: Rows, y: Rows) -> Rows:
    """The smaller, the other one where one is NaN."""
    return tools.map("where", tools.map("isnan", x), y, tools.map("where", tools.map("isnan", y), x, tools.map("minimum", x, y)))


@lowers("where.self", "where.ScalarSelf", "where.ScalarOther", "where.Scalar")
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


@lowers("logaddexp.default")
def logaddexp(tools: Tools, x: Rows, y: Rows) -> Rows:
    """max + log1p(exp(-|x - y|)); equal infinities stay."""
    large = tools.map("maximum", x, y)
    gap = tools.map("where", tools.map("eq", x, y), 0.0, tools.map("abs", x - y))
    return large + tools.map("log1p", tools.map("exp", -gap))


@lowers("xlogy.Tensor", "xlogy.Scalar_Other", "xlogy.Scalar_Self")
def xlogy(tools: Tools, x: Operand, y: Operand) -> Rows:
    """x log(y), 0 where x is 0 (NaN where y is)."""
    product = tools.map("mul", x, tools.map("log", y))
    zero = tools.map("logical_and", tools.map("eq", x, 0.0), tools.map("eq", y, y))
    return tools.map("where", zero, 0.0, product)


@lowers("logit.default")
def logit(tools: Tools, x: Rows, eps: float | None) -> Rows:
    """log(x / (1 - x))."""
    x = x if eps is None else clamp(tools, x, eps, 1.0 - eps)
    return tools.map("log", x / (1.0 - x))


@lowers("sinc.default")
def sinc(tools: Tools, x: Rows) -> Rows:
    """sin(pi x) / (pi x), 1 at 0."""
    angle = x * math.pi
    return tools.map("where", tools.map("eq", x, 0.0), 1.0, tools.map("sin", angle) / angle)


@lowers("deg2rad.default")
def deg2rad(tools: Tools, x: Rows) -> Rows:
    """Degrees to radians."""
    return x * (math.pi / 180)


@lowers("rad2deg.default")
def rad2deg(tools: Tools, x: Rows) -> Rows:
    """Radians to degrees."""
    return x * (180 / math.pi)


@lowers("heaviside.default")
def heaviside(tools: Tools, x: Rows, at_zero: Rows) -> Rows:
    """0 below, 1 above, `at_zero` at zero."""
    return tools.map("where", tools.map("eq", x, 0.0), at_zero, tools.map("lt", 0.0, x))

