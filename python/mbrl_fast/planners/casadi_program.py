"""A Program of a Problem file as a CasADi function, operation by operation: for solvers that want exact derivatives.

The graph is what the C++ core runs, in double precision. Comparisons, ``where``, ``floor`` and their kind keep CasADi's
derivatives, which are zero; ``kinks`` names them. What CasADi cannot say at all is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mbrl_fast.problem import Problem

REFUSED = {
    "isnan": "it asks for a number that is none, which no derivative knows",
    "argmax": "an index has no derivative",
    "argmin": "an index has no derivative",
}
"""Operations without a counterpart, and why."""
STEPS = frozenset(
    ["sign", "floor", "ceil", "round", "trunc", "fmod", "lt", "le", "eq", "ne", "logical_and", "logical_or", "logical_not", "where"]
)  # fmt: skip
"""Operations that jump: translated as they are, flat where they do not jump."""
KINKED = frozenset({"abs", "sqrt", "minimum", "maximum", "relu", "amax", "amin", "pow"})
"""Operations with a smooth replacement, see ``translate``."""


def casadi() -> Any:
    """The package. Raises ImportError with one sentence where it is missing."""
    try:
        import casadi as package
    except ImportError as error:
        raise ImportError("collocation needs casadi: pip install 'mbrl-fast[collocation]'") from error
    return package


def translate(problem: Problem, program: str = "step", member: int = 0, smoothing: float = 0.0) -> Any:
    """One exported program as a ``casadi.Function`` of its arguments ([size, 1] each, by name) to its outputs, by name.

    Args:
        program: "step", "terminal_value", "policy" or "observe".
        member: of an ensemble.
        smoothing: ε of the smooth replacements of what the next state does not depend on (the reward and the terminal value):
            |x| → √(x² + ε²), and so in max, min and relu; √x → √(x + ε), and x^p likewise for 0 < p < 1. The dynamics stay
            what they are. 0 leaves everything as it is.

    Raises:
        ImportError: without casadi.
        ValueError: for an operation that has no counterpart, an unknown program or member.
    """
    package, item = casadi(), problem._program(program)
    if not 0 <= member < problem.members:
        raise ValueError(f"member must be in 0..{problem.members - 1}, got {member}")
    if not 0.0 <= smoothing < math.inf:
        raise ValueError(f"smoothing must be finite and not negative, got {smoothing}")
    held = problem.tensors()
    weights = {name: value[member % len(value)].astype(np.float64) for name, value in held.items()}
    constants = weights.get(f"{program}/constants", np.zeros(0))[: item["constants"]]
    rows: list[Any] = [package.SX(float(value)) for value in constants]
    arguments = {name: package.SX.sym(name, size) for name, size, _ in item["arguments"]}
    for symbol in arguments.values():
        rows += package.vertsplit(symbol) if symbol.numel() else []
    exact = _behind(item, "next_state")
    for instruction in item["instructions"]:
        eps = 0.0 if exact & set(instruction["out"]) else smoothing
        rows += _run(package, instruction, rows, weights, eps)
    outputs = {name: package.vertcat(*[rows[i] for i in ids]) for name, ids in item["outputs"].items()}
    return package.Function(program, list(arguments.values()), list(outputs.values()), list(arguments), list(outputs))


def kinks(problem: Problem, program: str = "step") -> tuple[str, ...]:
    """Operations of a program that jump, by name: a solver that follows derivatives does not see them coming."""
    return tuple(sorted({item["op"] for item in problem._program(program)["instructions"]} & STEPS))


def _behind(item: Mapping[str, Any], output: str) -> set[int]:
    """Rows that an output depends on."""
    needed = set(item["outputs"].get(output, ()))
    for instruction in reversed(item["instructions"]):
        if needed & set(instruction["out"]):
            needed.update(row for rows in instruction["in"] for row in rows)
    return needed


def _run(package: Any, instruction: Mapping[str, Any], rows: Sequence[Any], weights: Mapping[str, Any], eps: float) -> list[Any]:
    """The output rows of one instruction."""
    name, operands = instruction["op"], [[rows[i] for i in ids] for ids in instruction["in"]]
    count = len(instruction["out"])
    if name in REFUSED:
        raise ValueError(f"operation {name} has no smooth counterpart in CasADi: {REFUSED[name]}")
    if name == "linear":
        result = package.mtimes(package.SX(weights[instruction["weight"]]), package.vertcat(*operands[0]))
        result = package.vertsplit(result + weights[instruction["bias"]])
        return [_relu(package, row, eps) for row in result] if instruction["activation"] == "relu" else list(result)
    if name in _REDUCTIONS or name == "dot":
        return [_reduced(package, name, operands, count, i, eps) for i in range(count)]
    if name not in _MAPS:
        raise ValueError(f"operation {name} has no smooth counterpart in CasADi: nobody has written one")
    return [_MAPS[name](package, eps, *each) for each in zip(*operands, strict=True)]


def _reduced(package: Any, name: str, operands: Sequence[Sequence[Any]], count: int, output: int, eps: float) -> Any:
    """One output of a reduction: neighbouring rows belong to the same output; the last list of sum and dot is a start."""
    inner = len(operands[0]) // count
    part = [operand[output * inner : (output + 1) * inner] for operand in operands]
    if name == "dot":
        terms, start = [a * b for a, b in zip(part[0], part[1], strict=True)], operands[2:]
        return sum(terms, start[0][output] if start else package.SX(0))
    total = operands[1][output] if len(operands) > 1 else None
    values = part[0] if total is None else [total, *part[0]]
    result = values[0]
    for value in values[1:]:
        result = _REDUCTIONS[name](package, eps, result, value)
    return result


def _abs(package: Any, x: Any, eps: float) -> Any:
    return package.sqrt(x * x + eps * eps) if eps else package.fabs(x)


def _relu(package: Any, x: Any, eps: float) -> Any:
    return 0.5 * (x + _abs(package, x, eps)) if eps else package.fmax(x, 0.0)


def _maximum(package: Any, eps: float, a: Any, b: Any) -> Any:
    return 0.5 * (a + b + _abs(package, a - b, eps)) if eps else package.fmax(a, b)


def _minimum(package: Any, eps: float, a: Any, b: Any) -> Any:
    return 0.5 * (a + b - _abs(package, a - b, eps)) if eps else package.fmin(a, b)


def _power(package: Any, eps: float, a: Any, b: Any) -> Any:
    root = eps and b.is_constant() and 0.0 < float(b) < 1.0
    return package.power(a + eps, b) if root else package.power(a, b)


def _round(package: Any, x: Any) -> Any:
    """To the nearest, halves to the even one, as torch and the core do."""
    up = package.floor(x + 0.5)
    odd_half = package.logic_and(up - x == 0.5, package.fmod(up, 2.0) != 0)
    return package.if_else(odd_half, up - 1.0, up)


def _truncated(package: Any, x: Any) -> Any:
    return package.if_else(x < 0, package.ceil(x), package.floor(x))


def _softplus(package: Any, x: Any) -> Any:
    """log(1 + e^x), which does not overflow."""
    return package.fmax(x, 0.0) + package.log1p(package.exp(-package.fabs(x)))


_SAME = ("exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "tanh", "erf")


def _of_the_same_name(name: str) -> Callable[..., Any]:
    return lambda package, eps, x: getattr(package, name)(x)


_MAPS: dict[str, Callable[..., Any]] = {
    "copy": lambda c, e, x: x,
    "neg": lambda c, e, x: -x,
    "abs": lambda c, e, x: _abs(c, x, e),
    "sign": lambda c, e, x: c.sign(x),
    "floor": lambda c, e, x: c.floor(x),
    "ceil": lambda c, e, x: c.ceil(x),
    "round": lambda c, e, x: _round(c, x),
    "trunc": lambda c, e, x: _truncated(c, x),
    "sqrt": lambda c, e, x: c.sqrt(x + e) if e else c.sqrt(x),
    **{name: _of_the_same_name(name) for name in _SAME},
    "sigmoid": lambda c, e, x: 0.5 * (1.0 + c.tanh(0.5 * x)),
    "silu": lambda c, e, x: 0.5 * x * (1.0 + c.tanh(0.5 * x)),
    "softplus": lambda c, e, x: _softplus(c, x),
    "relu": lambda c, e, x: _relu(c, x, e),
    "logical_not": lambda c, e, x: x == 0,
    "add": lambda c, e, a, b: a + b,
    "sub": lambda c, e, a, b: a - b,
    "mul": lambda c, e, a, b: a * b,
    "div": lambda c, e, a, b: a / b,
    "minimum": _minimum,
    "maximum": _maximum,
    "pow": _power,
    "atan2": lambda c, e, a, b: c.atan2(a, b),
    "fmod": lambda c, e, a, b: c.fmod(a, b),
    "lt": lambda c, e, a, b: a < b,
    "le": lambda c, e, a, b: a <= b,
    "eq": lambda c, e, a, b: a == b,
    "ne": lambda c, e, a, b: a != b,
    "logical_and": lambda c, e, a, b: c.logic_and(a != 0, b != 0),
    "logical_or": lambda c, e, a, b: c.logic_or(a != 0, b != 0),
    "where": lambda c, e, condition, a, b: c.if_else(condition != 0, a, b),
    "fma": lambda c, e, x, y, z: x * y + z,
}  # fmt: skip
_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": lambda c, e, a, b: a + b,
    "prod": lambda c, e, a, b: a * b,
    "amax": _maximum,
    "amin": _minimum,
}
