"""Fusions around linear instructions: constants, relu, and linears of the same rows."""

from __future__ import annotations

import numpy as np

from .builder import Builder
from .instructions import Uses, producers, take
from .program import FloatArray, Instruction, IntArray, digest


def fold_constants(part: list[Instruction], uses: Uses, builder: Builder) -> list[Instruction]:
    """A linear times or plus constants, if nothing else reads the linear: into its weights and bias."""
    linears = producers(part, "linear")
    result = []
    for item in part:
        if item.op in ("add", "sub", "mul", "div"):
            keep = np.ones(len(item.outputs), bool)
            for i, (a, b, out) in enumerate(zip(*(r.tolist() for r in item.inputs), item.outputs.tolist(), strict=True)):
                row, constant = (a, b) if a in linears else (b, a)
                if row in linears and constant in builder.values and uses[row] == 1 and not (item.op == "div" and row == b):
                    made, position = linears[out] = linears[row]
                    _apply(made, position, item.op, builder.values[constant], row == b)
                    place = f"{position} {item.op} {row == b}".encode()
                    made.origin = digest(made.origin, place, builder.stand_ins[constant].tobytes())
                    made.outputs = _renamed(made.outputs, position, out)
                    keep[i] = False
            item = take(item, keep)
        if len(item.outputs):
            result.append(item)
    return result


def _apply(linear: Instruction, position: int, op: str, value: FloatArray, right: bool) -> None:
    """Changes one output y of a linear to y + value, y - value, value - y (`right`), y value or y / value."""
    members = max(linear.weights.shape[0], linear.biases.shape[0], len(value))
    weight = np.array(np.broadcast_to(linear.weights, (members, *linear.weights.shape[1:])))
    bias = np.array(np.broadcast_to(linear.biases, (members, *linear.biases.shape[1:])))
    wide = value.astype(np.float64)
    scale = wide if op == "mul" else 1.0 / wide if op == "div" else np.full(1, -1.0 if op == "sub" and right else 1.0)
    shift = {"add": wide, "sub": wide if right else -wide}.get(op, np.zeros(1))
    weight[:, position] = (weight[:, position] * scale[:, None]).astype(np.float32)
    bias[:, position] = (bias[:, position] * scale + shift).astype(np.float32)
    linear.weight, linear.bias = weight, bias


def _renamed(rows: IntArray, position: int, row: int) -> IntArray:
    result = rows.copy()
    result[position] = row
    return result


def fuse_relu(part: list[Instruction], uses: Uses, builder: Builder) -> list[Instruction]:
    """relu of every output of a linear that nothing else reads: the linear's activation."""
    relus = {
        row: out
        for item in part
        if item.op == "relu"
        for row, out in zip(item.inputs[0].tolist(), item.outputs.tolist(), strict=True)
    }
    done: set[int] = set()
    for item in [item for item in part if item.op == "linear"]:
        rows = item.outputs.tolist()
        if all(row in relus and uses[row] == 1 for row in rows):
            item.outputs = np.array([relus[row] for row in rows], np.int64)
            item.activation = "relu"
            done.update(rows)
    result = []
    for item in part:
        if item.op == "relu":
            item = take(item, np.array([row not in done for row in item.inputs[0].tolist()]))
        if len(item.outputs):
            result.append(item)
    return result


# Narrow layers fill a kernel's rows together. Wide ones do alone, and side by side their outputs would crowd the cache.
_MOST_JOINED_ROWS = 48


def join_linears(part: list[Instruction], uses: Uses, builder: Builder) -> list[Instruction]:
    """Narrow linears of the same rows and activation: one, where the first of them is."""
    first: dict[tuple[bytes, str], Instruction] = {}
    result = []
    for item in part:
        key = (item.inputs[0].tobytes(), item.activation) if item.op == "linear" else None
        if key in first and len(first[key].outputs) + len(item.outputs) <= _MOST_JOINED_ROWS:
            _append_linear(first[key], item)
        else:
            if key is not None:
                first[key] = item
            result.append(item)
    return result


def _append_linear(first: Instruction, other: Instruction) -> None:
    members = max(array.shape[0] for array in (first.weights, other.weights, first.biases, other.biases))

    def joined(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.concatenate([np.broadcast_to(x, (members, *x.shape[1:])) for x in (a, b)], 1)

    first.weight, first.bias = joined(first.weights, other.weights), joined(first.biases, other.biases)
    first.origin = digest(first.origin, other.origin)
    first.outputs = np.concatenate([first.outputs, other.outputs])
