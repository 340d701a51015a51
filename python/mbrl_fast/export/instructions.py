"""What the fusions share: who makes and who reads a row, and instructions cut to some of their outputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .builder import Builder
from .program import Instruction, IntArray, digest

Uses = NDArray[np.int64]
Lists = list[list[Instruction]]  # the prologue and the main part


def take(item: Instruction, keep: NDArray[np.bool_]) -> Instruction:
    """The instruction for some of its outputs only, by mask `[n]`."""
    n = len(item.outputs)
    if item.op == "linear":
        return Instruction(
            "linear", item.inputs, item.outputs[keep], item.weights[:, keep], item.biases[:, keep], item.activation,
            digest(item.origin, keep.tobytes()),
        )  # fmt: skip
    inputs = [rows.reshape(n, -1)[keep].reshape(-1) for rows in item.inputs]
    return Instruction(item.op, inputs, item.outputs[keep])


def producers(part: list[Instruction], op: str) -> dict[int, tuple[Instruction, int]]:
    """Row → (the instruction that makes it, at which position), for one operation."""
    return {row: (item, i) for item in part if item.op == op for i, row in enumerate(item.outputs.tolist())}


def uses_of(lists: Lists, kept: IntArray, builder: Builder) -> Uses:
    """How often each row is read, by instructions and as output."""
    reads = [rows for part in lists for item in part for rows in item.inputs]
    return np.bincount(np.concatenate([kept, *reads]), minlength=builder.count)


def live_part(lists: Lists, kept: IntArray, builder: Builder) -> Lists:
    """Without what nothing reads."""
    live = np.zeros(builder.count, bool)
    live[kept] = True
    result: Lists = []
    for part in reversed(lists):
        alive = []
        for item in reversed(part):
            keep = live[item.outputs]
            if keep.any():
                item = item if keep.all() else take(item, keep)
                for rows in item.inputs:
                    live[rows] = True
                alive.append(item)
        result.insert(0, alive[::-1])
    return result
