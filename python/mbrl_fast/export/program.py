"""Programs: straight-line lists of row instructions, as they are written to a Problem file.

A row is one scalar for every candidate. Rows are numbered once per Program: constants, then the arguments in
order, then the outputs of the instructions. Every instruction defines its rows before anything uses them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


def digest(*parts: bytes) -> bytes:
    """A short name of byte strings."""
    return hashlib.blake2b(b"|".join(parts), digest_size=8).digest()


@dataclass
class Instruction:
    """One operation on lists of rows.

    Attributes:
        op: Name in the operation table of the core.
        inputs: One array of rows per operand: map `[n]` each, reduce `[n*k]` row-major, dot two of `[n*k]`,
            linear one `[k]`; sum and dot may have a last one of `[n]`, the start value.
        outputs: Rows defined, `[n]` (linear: `[m]`).
        weight: Of a linear, `[1 or members, m, k]`.
        bias: Of a linear, `[1 or members, m]`.
        activation: Of a linear, `relu` or empty.
        origin: Of a linear, a digest of where its weights come from: equal weights are stored once if their origins
            are equal too, as otherwise the next weights may differ.
    """

    op: str
    inputs: list[IntArray]
    outputs: IntArray
    weight: FloatArray | None = None
    bias: FloatArray | None = None
    activation: str = ""
    origin: bytes = b""

    @property
    def weights(self) -> FloatArray:
        """`weight`, of a linear."""
        assert self.weight is not None
        return self.weight

    @property
    def biases(self) -> FloatArray:
        """`bias`, of a linear."""
        assert self.bias is not None
        return self.bias


@dataclass(frozen=True)
class Argument:
    """An argument of a Program: `size` rows that differ per candidate (`lane`) or not (`uniform`)."""

    name: str
    size: int
    kind: str


@dataclass
class Program:
    """A lowered function. See the module's docstring for the numbering of rows.

    Attributes:
        constants: `[1 or members, C]` values of the first C rows.
        arguments: In the order of their rows.
        prologue: The first so many instructions use constants and uniform rows only: once per plan.
        instructions: In order of execution.
        outputs: Name to rows; any row may be an output.
    """

    constants: FloatArray
    arguments: list[Argument]
    prologue: int
    instructions: list[Instruction]
    outputs: dict[str, IntArray] = field(default_factory=dict)

    @property
    def members(self) -> int:
        """Number of weight sets: 1, or that of the ensemble."""
        arrays = [self.constants, *(item.weights for item in self.linears()), *(item.biases for item in self.linears())]
        return max(int(array.shape[0]) for array in arrays)

    def linears(self) -> Iterator[Instruction]:
        """The instructions that have weights."""
        return (instruction for instruction in self.instructions if instruction.op == "linear")

    def to_json(self, name: str) -> tuple[dict[str, Any], dict[str, FloatArray]]:
        """The graph part of this Program and its tensors, named `<name>/...`; equal tensors are stored once."""
        tensors: dict[str, FloatArray] = {}
        names: dict[bytes, str] = {}

        def store(array: FloatArray, suffix: str, origin: bytes) -> str:
            array = np.ascontiguousarray(array, dtype=np.float32)
            key = suffix.encode() + origin + str(array.shape).encode() + array.tobytes()
            if key not in names:
                names[key] = f"{name}/{len(names)}.{suffix}"
                tensors[names[key]] = array
            return names[key]

        if self.constants.shape[1]:
            tensors[f"{name}/constants"] = np.ascontiguousarray(self.constants)
        instructions = []
        for item in self.instructions:
            rows = [operand.tolist() for operand in item.inputs]
            entry: dict[str, Any] = {"op": item.op, "in": rows, "out": item.outputs.tolist()}
            if item.op == "linear":
                entry["weight"] = store(item.weights, "weight", item.origin)
                entry["bias"] = store(item.biases, "bias", item.origin)
                entry["activation"] = item.activation
            instructions.append(entry)
        graph = {
            "members": self.members,
            "constants": int(self.constants.shape[1]),
            "arguments": [[a.name, a.size, a.kind] for a in self.arguments],
            "prologue": self.prologue,
            "instructions": instructions,
            "outputs": {key: rows.tolist() for key, rows in self.outputs.items()},
        }
        return graph, tensors
