"""The core's operations in ONNX: what each row of the operation table is called there, or is made of.

Rows lie side by side: a value is [N, n], one line for each candidate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT, INT64, BOOL, DOUBLE = 1, 7, 9, 11
"""Element types, as `onnx.TensorProto` numbers them."""


class Graph:
    """Nodes and constants of an ONNX graph that grows; a value is known by its name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def node(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """The value of a new node."""
        from onnx import helper

        name = f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [name], **attributes))
        return name

    def constant(self, array: Any, dtype: Any = np.float32) -> str:
        """The value of a constant."""
        name = f"constant{len(self.constants)}"
        self.constants[name] = np.asarray(array, dtype)
        return name

    def cast(self, value: str, to: int) -> str:
        """A value as another element type."""
        return self.node("Cast", value, to=to)


Operation = Callable[..., str]
"""(graph, *operands [N, n]) -> [N, n]; a reduction's first operands are [N, n, k]."""


def _named(op_type: str, **attributes: Any) -> Operation:
    return lambda graph, *values: graph.node(op_type, *values, **attributes)


def _truth(op_type: str, of_bools: bool = False, negated: bool = False) -> Operation:
    """Bools are 0.0 and 1.0 in the core, and whatever is not 0 is true."""

    def operation(graph: Graph, *values: str) -> str:
        operands = [graph.cast(value, BOOL) for value in values] if of_bools else values
        result = graph.node(op_type, *operands)
        return graph.cast(graph.node("Not", result) if negated else result, FLOAT)

    return operation


def _precise(function: Operation) -> Operation:
    """In double precision: near 0 these lose everything in single precision, and ONNX has no functions of their own for them."""
    return lambda graph, value: graph.cast(function(graph, graph.cast(value, DOUBLE)), FLOAT)


def _expm1(graph: Graph, value: str) -> str:
    return graph.node("Sub", graph.node("Exp", value), graph.constant(1, np.float64))


def _log1p(graph: Graph, value: str) -> str:
    return graph.node("Log", graph.node("Add", value, graph.constant(1, np.float64)))


def _trunc(graph: Graph, value: str) -> str:
    return graph.node("Mul", graph.node("Sign", value), graph.node("Floor", graph.node("Abs", value)))


def _silu(graph: Graph, value: str) -> str:
    return graph.node("Mul", value, graph.node("Sigmoid", value))


def _fma(graph: Graph, left: str, right: str, start: str) -> str:
    return graph.node("Add", graph.node("Mul", left, right), start)


def _where(graph: Graph, condition: str, then: str, otherwise: str) -> str:
    return graph.node("Where", graph.cast(condition, BOOL), then, otherwise)


def _atan2(graph: Graph, y: str, x: str) -> str:
    """The arc tangent of y / x, half a turn further where x is negative. A zero counts as positive, whatever its sign."""
    zero, half_turn = graph.constant(0), graph.constant(np.pi)
    at_origin = graph.node("And", graph.node("Equal", x, zero), graph.node("Equal", y, zero))
    ratio = graph.node("Where", at_origin, zero, graph.node("Div", y, x))
    turn = graph.node("Where", graph.node("Less", y, zero), graph.node("Neg", half_turn), half_turn)
    return graph.node("Add", graph.node("Atan", ratio), graph.node("Where", graph.node("Less", x, zero), turn, zero))


def _reduction(op_type: str) -> Operation:
    """Over the last axis [N, n, k] -> [N, n]; a second operand [N, n] is what a sum starts with."""

    def operation(graph: Graph, value: str, *start: str) -> str:
        result = graph.node(op_type, value, graph.constant([2], np.int64), keepdims=0)
        return graph.node("Add", result, *start) if start else result

    return operation


def _position(op_type: str) -> Operation:
    return lambda graph, value: graph.cast(graph.node(op_type, value, axis=2, keepdims=0), FLOAT)


def _dot(graph: Graph, left: str, right: str, *start: str) -> str:
    return OPERATIONS["sum"](graph, graph.node("Mul", left, right), *start)


OPERATIONS: dict[str, Operation] = {
    **{name.lower(): _named(name) for name in (
        "Neg", "Abs", "Sign", "Floor", "Ceil", "Round", "Sqrt", "Exp", "Log", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan",
        "Tanh", "Sigmoid", "Softplus", "Erf", "Relu", "Add", "Sub", "Mul", "Div", "Pow",
    )},
    "copy": _named("Identity"), "minimum": _named("Min"), "maximum": _named("Max"), "fmod": _named("Mod", fmod=1),
    "expm1": _precise(_expm1), "log1p": _precise(_log1p), "trunc": _trunc, "silu": _silu, "fma": _fma, "where": _where,
    "atan2": _atan2, "isnan": _truth("IsNaN"), "lt": _truth("Less"), "le": _truth("LessOrEqual"), "eq": _truth("Equal"),
    "ne": _truth("Equal", negated=True), "logical_not": _truth("Not", of_bools=True),
    "logical_and": _truth("And", of_bools=True), "logical_or": _truth("Or", of_bools=True),
    "sum": _reduction("ReduceSum"), "prod": _reduction("ReduceProd"), "amax": _reduction("ReduceMax"),
    "amin": _reduction("ReduceMin"), "argmax": _position("ArgMax"), "argmin": _position("ArgMin"), "dot": _dot,
}  # fmt: skip
"""All but ``linear``, which has weights."""

REDUCED = {"sum": 1, "prod": 1, "amax": 1, "amin": 1, "argmax": 1, "argmin": 1, "dot": 2}
"""So many first operands are [N, n, k]."""
