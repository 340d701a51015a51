"""Ensembles that compute all members in one forward: finds the one graph whose weights differ by member."""

from __future__ import annotations

import numpy as np

from .builder import COMMUTATIVE, Builder
from .errors import Refusal
from .program import FloatArray, Instruction, IntArray, digest

Key = tuple[int, ...]  # the corresponding row of each member


class MemberMerger:
    """Merges corresponding rows of all members, built in one Builder, into rows of another with a weight set each.

    The members' rows must come from the same operations on the same arguments; constants and weights may differ.
    """

    def __init__(self, source: Builder, target: Builder) -> None:
        self._source = source
        self._target = target
        self._merged: dict[Key, int] = {}
        self._makers = {
            row: (item, position) for item in (*source.prologue, *source.main) for position, row in enumerate(item.outputs.tolist())
        }
        self._arguments = {
            row: target.argument(argument.name, argument.size, argument.kind)[i]
            for argument, rows in source.arguments.values()
            for i, row in enumerate(rows.tolist())
        }

    def merge(self, rows: IntArray) -> IntArray:
        """Rows `[n]` of the target for corresponding rows `[members, n]` of the source.

        Raises:
            Refusal: If the members differ in more than constants.
        """
        return np.array([self._row(tuple(key)) for key in rows.T.tolist()], np.int64)

    def _row(self, wanted: Key) -> int:
        """Depth first with a list of its own, as graphs can be deeper than Python's stack."""
        waiting = [wanted]
        while waiting:
            key = waiting[-1]
            needed = [] if key in self._merged else self._needed(key)
            missing = [operand for operand in needed if operand not in self._merged]
            if missing:
                waiting += missing
                continue
            if key not in self._merged:
                self._make(key)
            waiting.pop()
        return self._merged[wanted]

    def _needed(self, key: Key) -> list[Key]:
        """Corresponding operands of what makes the rows."""
        if any(row in self._source.values or row in self._arguments for row in key):
            return []
        return [operand for group in self._operands(key) for operand in group]

    def _operands(self, key: Key) -> list[list[Key]]:
        """For each operand of the instruction, the corresponding rows that this output depends on."""
        made = [self._makers[row] for row in key]
        first, place = made[0]
        if any(item.op != first.op or len(item.inputs) != len(first.inputs) for item, _ in made):
            raise _different()
        parts = [_inputs_of(item, position) for item, position in made]
        if first.op in COMMUTATIVE:
            parts = [sorted(part, key=lambda rows: (rows[0] in self._source.values, rows[0])) for part in parts]
        if any([len(rows) for rows in part] != [len(rows) for rows in parts[0]] for part in parts):
            raise _different()
        if first.op == "linear" and any(position != place for _, position in made):
            raise _different()
        return [[tuple(rows) for rows in zip(*group, strict=True)] for group in zip(*parts, strict=True)]

    def _make(self, key: Key) -> None:
        if all(row in self._source.values for row in key):
            values = [float(self._source.values[row][0]) for row in key]
            stand_in = np.array([self._source.stand_ins[key[0]]])
            self._merged[key] = int(self._target.constant(np.array([values], np.float32), stand_in)[0])
        elif key[0] in self._arguments and len(set(key)) == 1:
            self._merged[key] = int(self._arguments[key[0]])
        elif any(row not in self._makers for row in key):
            raise _different()
        else:
            self._emit(key, [np.array([self._merged[k] for k in group], np.int64) for group in self._operands(key)])

    def _emit(self, key: Key, operands: list[IntArray]) -> None:
        made = [self._makers[row] for row in key]
        op = made[0][0].op
        if op == "linear":
            origin = digest(*(item.origin for item, _ in made))
            outputs = self._target.linear(operands[0], *_stacked([item for item, _ in made]), origin)
            for position, rows in enumerate(zip(*(item.outputs.tolist() for item, _ in made), strict=True)):
                self._merged[rows] = int(outputs[position])
        elif op == "dot":
            self._merged[key] = int(self._target.dot(operands[0][None], operands[1][None])[0])
        elif op == "copy":
            self._merged[key] = int(operands[0][0])  # the target's own linear copies again where it must
        elif op in REDUCTIONS:
            self._merged[key] = int(self._target.reduce(op, operands[0][None])[0])
        else:
            self._merged[key] = int(self._target.map(op, operands)[0])


REDUCTIONS = frozenset({"sum", "prod", "amax", "amin", "argmax", "argmin"})


def _inputs_of(item: Instruction, position: int) -> list[list[int]]:
    """The operand rows that one output depends on."""
    if item.op == "linear":
        return [item.inputs[0].tolist()]
    return [rows.reshape(len(item.outputs), -1)[position].tolist() for rows in item.inputs]


def _stacked(items: list[Instruction]) -> tuple[FloatArray, FloatArray]:
    """Weights `[M, m, k]` and biases `[M, m]`."""
    weights = [item.weights[0] for item in items]
    biases = [item.biases[0] for item in items]
    if any(weight.shape != weights[0].shape for weight in weights):
        raise _different()
    return np.stack(weights), np.stack(biases)


def _different() -> Refusal:
    return Refusal("the members of the ensemble compute different things. Export a list of modules, one per member")
