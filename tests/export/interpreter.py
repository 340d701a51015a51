"""Runs a Problem file's Programs in NumPy: an oracle for the exporter that shares no code with the core."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from safetensors.numpy import load

_erf = np.vectorize(math.erf, otypes=[float])


def _nan_aware(choose: Any) -> Any:
    return lambda a, b: np.where(np.isnan(a) | np.isnan(b), np.nan, choose(a, b))


MAPS: dict[str, Any] = {
    "copy": lambda x: x,
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
    "trunc": np.trunc,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "erf": _erf,
    "relu": lambda x: np.where(x < 0, 0.0, x),
    "isnan": lambda x: np.isnan(x) * 1.0,
    "logical_not": lambda x: (x == 0) * 1.0,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "pow": np.power,
    "atan2": np.arctan2,
    "fmod": np.fmod,
    "lt": lambda a, b: (a < b) * 1.0,
    "le": lambda a, b: (a <= b) * 1.0,
    "eq": lambda a, b: (a == b) * 1.0,
    "ne": lambda a, b: (a != b) * 1.0,
    "logical_and": lambda a, b: ((a != 0) & (b != 0)) * 1.0,
    "logical_or": lambda a, b: ((a != 0) | (b != 0)) * 1.0,
    "where": lambda c, a, b: np.where(c != 0, a, b),
    "fma": lambda a, b, c: a * b + c,
}
REDUCTIONS: dict[str, Any] = {
    "sum": np.sum,
    "prod": np.prod,
    "amax": np.max,
    "amin": np.min,
    "argmax": np.argmax,
    "argmin": np.argmin,
}


class Interpreter:
    """`Interpreter(data).evaluate(program, {argument: [N, size] or [size]}, member)` in float64 (or float32 rounding)."""

    def __init__(self, data: bytes, dtype: Any = np.float64) -> None:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        self.metadata = header["__metadata__"]
        self.graph = json.loads(self.metadata["graph"])
        self.tensors = load(data)
        self.dtype = dtype

    def evaluate(self, program: str, arguments: dict[str, Any], member: int = 0) -> dict[str, Any]:
        item = self.graph["programs"][program]
        count = max([len(v) for (n, _, kind) in item["arguments"] if kind == "lane" for v in [arguments[n]]], default=1)
        rows: list[Any] = []
        if item["constants"]:
            constants = self.tensors[f"{program}/constants"]
            rows += [np.full(count, value, self.dtype) for value in constants[member % len(constants)]]
        for name, size, kind in item["arguments"]:
            value = np.asarray(arguments[name], self.dtype)
            wide = value if kind == "lane" else np.broadcast_to(value, (count, size))
            assert wide.shape == (count, size), name
            rows += list(wide.T)
        for position, instruction in enumerate(item["instructions"]):
            self._check(item, instruction, position, len(rows))
            with np.errstate(all="ignore"):
                rows += [np.asarray(row, self.dtype) for row in self._run(instruction, rows, member)]
        return {name: np.stack([rows[i] for i in ids], 1) for name, ids in item["outputs"].items()}

    def _run(self, instruction: dict[str, Any], rows: list[Any], member: int) -> Any:
        op = instruction["op"]
        operands = [np.stack([rows[i] for i in ids]) for ids in instruction["in"]]
        n = len(instruction["out"])
        if op == "linear":
            weight, bias = self.tensors[instruction["weight"]], self.tensors[instruction["bias"]]
            weight, bias = (t[member % len(t)].astype(self.dtype) for t in (weight, bias))
            result = weight @ operands[0] + bias[:, None]
            return np.where(result < 0, 0.0, result) if instruction["activation"] == "relu" else result
        if op in MAPS:
            return MAPS[op](*operands)
        parts = [o.reshape(n, -1, o.shape[1]) for o in operands]
        if op == "dot":
            return (parts[0] * parts[1]).sum(1) + (operands[2] if len(operands) > 2 else 0)
        start = operands[1] if len(operands) > 1 else 0
        return REDUCTIONS[op](parts[0], axis=1) + start

    def _check(self, item: dict[str, Any], instruction: dict[str, Any], position: int, defined: int) -> None:
        """Single assignment in order, use after definition, levels of linears."""
        assert instruction["out"] == list(range(defined, defined + len(instruction["out"])))
        assert all(0 <= row < defined for ids in instruction["in"] for row in ids)
        uniform = self._uniform_rows(item)
        read = {row for ids in instruction["in"] for row in ids}
        if position < item["prologue"]:
            assert read <= uniform
        elif instruction["op"] == "linear":
            assert not read & uniform

    def _uniform_rows(self, item: dict[str, Any]) -> set[int]:
        rows = set(range(item["constants"]))
        at = item["constants"]
        for _, size, kind in item["arguments"]:
            rows |= set(range(at, at + size)) if kind == "uniform" else set()
            at += size
        for instruction in item["instructions"][: item["prologue"]]:
            rows |= set(instruction["out"])
        return rows
