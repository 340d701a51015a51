"""Builds a Program row by row: shares equal computations, folds constants, drops neutral operations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .fold import evaluate
from .program import Argument, FloatArray, Instruction, IntArray, digest
from .values import unique_rows

CONSTANT, UNIFORM, LANE = 0, 1, 2
SPLIT = 4
"""So many uniform inputs of a linear are multiplied once per plan; fewer are copied into lanes."""
COMMUTATIVE = {"add", "mul", "minimum", "maximum", "eq", "ne", "logical_and", "logical_or"}


class Builder:
    """Rows and instructions under construction. Row ids are final only in `fuse.finish`.

    A row's level says when it is known: at export (CONSTANT), once per plan (UNIFORM), per candidate (LANE).
    """

    def __init__(self, simplify: bool = True) -> None:
        self._simplify = simplify  # whether to drop neutral operations
        self.arguments: dict[str, tuple[Argument, IntArray]] = {}
        self.prologue: list[Instruction] = []
        self.main: list[Instruction] = []
        self.values: dict[int, FloatArray] = {}  # constant row → [1 or members]
        self.stand_ins: dict[int, np.float32] = {}  # constant row → its value under other weights, see values.Const
        self._levels = np.zeros(1024, np.int8)
        self.count = 0
        self._constants: dict[bytes, int] = {}
        self._cache: dict[tuple[object, ...], int] = {}
        self._linears: dict[tuple[bytes, ...], IntArray] = {}

    def level(self, rows: IntArray) -> NDArray[np.int8]:
        """Levels of rows, same shape."""
        return self._levels[rows]

    def argument(self, name: str, size: int, kind: str) -> IntArray:
        """Rows `[size]` of a named argument; the same rows when asked again."""
        if name not in self.arguments:
            rows = self._new_rows(size, LANE if kind == "lane" else UNIFORM)
            self.arguments[name] = (Argument(name, size, kind), rows)
        return self.arguments[name][1]

    def constant(self, values: NDArray[np.floating], stand_ins: NDArray[np.floating] | None = None) -> IntArray:
        """Rows `[n]` holding `values [n, 1 or members]`, one per distinct bit pattern of these and their stand-ins `[n]`."""
        others = values[:, :1] if stand_ins is None else stand_ins.reshape(-1, 1)
        array = np.ascontiguousarray(np.concatenate([values, others], 1), np.float32)
        array = np.where(np.isnan(array), np.float32(np.nan), array)  # one NaN, so that bits are comparable
        first, inverse = unique_rows(array.view(np.int32).astype(np.int64))
        rows = np.array([self._constant_row(array[i, :-1], array[i, -1]) for i in first], np.int64)
        return rows[inverse]

    def _constant_row(self, value: FloatArray, stand_in: np.float32) -> int:
        if len(value) > 1 and np.array_equal(value, np.repeat(value[:1], len(value)), equal_nan=True):
            value = value[:1]
        key = value.tobytes() + stand_in.tobytes()
        if key not in self._constants:
            row = int(self._new_rows(1, CONSTANT)[0])
            self._constants[key] = row
            self.values[row], self.stand_ins[row] = value, stand_in
        return self._constants[key]

    def map(self, op: str, operands: list[IntArray]) -> IntArray:
        """Rows `[n]` of an elementwise operation on operands of `[n]` rows each."""
        matrix = np.stack(operands, 1)
        if op in COMMUTATIVE:
            matrix = np.sort(matrix, 1)
        return self._emit(op, matrix, arity=matrix.shape[1])

    def reduce(self, op: str, operand: IntArray) -> IntArray:
        """Rows `[n]` of a reduction over the last axis of `[n, k]` rows."""
        if operand.shape[1] == 1 and op not in ("argmax", "argmin"):
            return operand[:, 0]
        return self._emit(op, operand, arity=1)

    def dot(self, left: IntArray, right: IntArray) -> IntArray:
        """Rows `[n]` of the inner products of `[n, k]` and `[n, k]` rows."""
        if left.shape[1] == 1:
            return self.map("mul", [left[:, 0], right[:, 0]])
        return self._emit("dot", np.concatenate([left, right], 1), arity=2)

    def _emit(self, op: str, matrix: IntArray, arity: int) -> IntArray:
        """One row per row of `matrix` (its operands), sharing what was emitted before."""
        first, inverse = unique_rows(matrix)
        groups = matrix[first]
        result = np.empty(len(groups), np.int64)
        levels = self._levels[groups].max(1, initial=CONSTANT)
        new: dict[int, list[int]] = {CONSTANT: [], UNIFORM: [], LANE: []}
        keys: list[tuple[object, ...]] = [(op, *group) for group in groups.tolist()]
        for i, key in enumerate(keys):
            known = self._cache.get(key)
            if known is None and self._simplify and levels[i] != CONSTANT:
                known = self._neutral(op, groups[i])
            if known is None:
                new[int(levels[i])].append(i)
            else:
                result[i] = known
        for level, members in new.items():
            if members:
                result[members] = self._append(op, groups[members], arity, level)
        for i, key in enumerate(keys):
            self._cache[key] = int(result[i])
        return result[inverse]

    def _append(self, op: str, groups: IntArray, arity: int, level: int) -> IntArray:
        """Rows of new groups `[n, arity or k]`, none of them emitted before, all of one level."""
        parts = [groups.reshape(-1)] if op != "dot" and arity == 1 else np.split(groups, arity, 1)
        inputs = [np.ascontiguousarray(part).reshape(-1) for part in parts]
        if level == CONSTANT:
            width = max(self._values_of(rows).shape[1] for rows in inputs)
            result = evaluate(op, [self._with_stand_ins(rows, width) for rows in inputs], len(groups))
            return self.constant(result[:, :-1], result[:, -1])
        outputs = self._new_rows(len(groups), level)
        self._list(level).append(Instruction(op, inputs, outputs))
        return outputs

    def linear(self, inputs: IntArray, weight: FloatArray, bias: FloatArray, origin: bytes) -> IntArray:
        """Rows `[m]` of weight `[1|M, m, k]` times rows `[k]` plus bias `[1|M, m]`; `origin` as of an Instruction.

        Constant inputs end in the bias, in float64. The rest must be of one level, so of uniform rows beside lane rows
        a few are copied into lanes, and many get a linear of their own.
        """
        key = (inputs.tobytes(), origin, str(weight.shape).encode(), weight.tobytes(), bias.tobytes())
        if key not in self._linears:
            self._linears[key] = self._linear(inputs, weight, bias, origin)
        return self._linears[key]

    def _linear(self, inputs: IntArray, weight: FloatArray, bias: FloatArray, origin: bytes) -> IntArray:
        fixed = self._levels[inputs] == CONSTANT
        if fixed.any():
            values = self._values_of(inputs[fixed])  # [k', 1|M]
            with np.errstate(invalid="ignore", over="ignore"):
                moved = np.einsum("emk,ke->em", *_same_members(weight[:, :, fixed], values))
                bias = (bias + moved).astype(np.float32)
            origin = digest(origin, fixed.tobytes(), *(self.stand_ins[row].tobytes() for row in inputs[fixed].tolist()))
            inputs, weight = inputs[~fixed], weight[:, :, ~fixed]
        if not len(inputs):
            return self.constant(bias.T)
        level = int(self._levels[inputs].max())
        uniform = self._levels[inputs] == UNIFORM
        if level == LANE and uniform.sum() >= SPLIT:  # once per plan, then one addition per output
            parts = [digest(origin, part.tobytes()) for part in (uniform, ~uniform)]
            once = self.linear(inputs[uniform], weight[:, :, uniform], bias, parts[0])
            zero = np.zeros((1, weight.shape[1]), np.float32)
            each = self.linear(inputs[~uniform], weight[:, :, ~uniform], zero, parts[1])
            return self.map("add", [each, once])
        if level == LANE:
            inputs = self.to_lane(inputs)
        outputs = self._new_rows(weight.shape[1], level)
        self._list(level).append(Instruction("linear", [inputs], outputs, weight, bias, origin=origin))
        return outputs

    def to_lane(self, rows: IntArray) -> IntArray:
        """The same values, with `copy` of those rows `[n]` that are not per candidate."""
        result = rows.copy()
        for i, row in enumerate(rows.tolist()):
            if self._levels[row] != LANE:
                key = ("to_lane", row)
                if key not in self._cache:
                    out = self._new_rows(1, LANE)
                    self.main.append(Instruction("copy", [np.array([row])], out))
                    self._cache[key] = int(out[0])
                result[i] = self._cache[key]
        return result

    def is_value(self, row: int, value: float) -> bool:
        """Whether a row is the constant `value` in every member, and whatever the weights."""
        return row in self.values and bool(np.all(self.values[row] == value) and self.stand_ins[row] == value)

    def _neutral(self, op: str, rows: IntArray) -> int | None:
        """The operand that an operation just passes on, if so. Never x*0, which hides NaN."""
        a, b = int(rows[0]), int(rows[1]) if len(rows) > 1 else -1
        unit = {"add": 0.0, "sub": 0.0, "mul": 1.0, "div": 1.0}.get(op)
        if unit is not None:
            if self.is_value(b, unit):
                return a
            return b if op in COMMUTATIVE and self.is_value(a, unit) else None
        if op == "where":
            if len(self.values.get(a, ())) == 1 and self.values[a][0] == self.stand_ins[a]:
                return int(rows[1] if self.values[a][0] != 0 else rows[2])
            return b if rows[1] == rows[2] else None
        return None

    def _values_of(self, rows: IntArray) -> FloatArray:
        """Values `[n, 1 or members]` of constant rows `[n]`."""
        values = [self.values[row] for row in rows.tolist()]
        width = max((len(value) for value in values), default=1)
        return np.array([np.broadcast_to(value, (width,)) for value in values], np.float32).reshape(-1, width)

    def _with_stand_ins(self, rows: IntArray, width: int) -> FloatArray:
        """Values `[n, width + 1]` of constant rows, the last column their stand-ins."""
        stand_ins = np.array([[self.stand_ins[row]] for row in rows.tolist()], np.float32)
        return np.concatenate([np.broadcast_to(self._values_of(rows), (len(rows), width)), stand_ins], 1)

    def _new_rows(self, count: int, level: int) -> IntArray:
        while self.count + count > len(self._levels):
            self._levels = np.concatenate([self._levels, np.zeros_like(self._levels)])
        rows = np.arange(self.count, self.count + count)
        self._levels[rows] = level
        self.count += count
        return rows

    def _list(self, level: int) -> list[Instruction]:
        return self.main if level == LANE else self.prologue


def _same_members(weight: FloatArray, values: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """weight `[1|M, m, k]` and values `[k, 1|M]` with the same number of members, in float64."""
    members = max(weight.shape[0], values.shape[1])
    wide = np.broadcast_to(weight, (members, *weight.shape[1:]))
    return wide.astype(np.float64), np.broadcast_to(values, (len(values), members)).astype(np.float64)
