"""Makes a Program of what a Builder collected: drops what is unused, fuses, numbers the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .builder import Builder
from .errors import ExportError
from .program import FloatArray, Instruction, IntArray, Program

Uses = NDArray[np.int64]


def finish(builder: Builder, outputs: Mapping[str, IntArray], order: Sequence[str]) -> Program:
    """The Program that computes `outputs`; arguments in `order`, of which only state and action may be unused.

    Raises:
        ExportError: If a constant is NaN.
    """
    kept = np.concatenate([rows.reshape(-1) for rows in outputs.values()])
    lists = [builder.prologue, builder.main]
    lists = _live(lists, kept, builder)
    for fuse in (_bias, _relu, _linears, _products):
        lists = [fuse(part, _uses(lists, kept, builder), builder) for part in lists]
        lists = _live(lists, kept, builder)
    return _numbered(builder, lists, outputs, order)


def _uses(lists: list[list[Instruction]], kept: IntArray, builder: Builder) -> Uses:
    """How often each row is read, by instructions and as output."""
    reads = [rows for part in lists for item in part for rows in item.inputs]
    return np.bincount(np.concatenate([kept, *reads]), minlength=builder.count)


def take(item: Instruction, keep: NDArray[np.bool_]) -> Instruction:
    """The instruction for some of its outputs only, by mask `[n]`."""
    n = len(item.outputs)
    if item.op == "linear":
        assert item.weight is not None and item.bias is not None
        return Instruction("linear", item.inputs, item.outputs[keep], item.weight[:, keep], item.bias[:, keep], item.activation)
    inputs = [rows.reshape(n, -1)[keep].reshape(-1) for rows in item.inputs]
    return Instruction(item.op, inputs, item.outputs[keep])


def _live(lists: list[list[Instruction]], kept: IntArray, builder: Builder) -> list[list[Instruction]]:
    """Without what nothing reads."""
    live = np.zeros(builder.count, bool)
    live[kept] = True
    result: list[list[Instruction]] = []
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


def _producers(part: list[Instruction], op: str) -> dict[int, tuple[Instruction, int]]:
    """Row → (the instruction that makes it, at which position), for one operation."""
    return {row: (item, i) for item in part if item.op == op for i, row in enumerate(item.outputs.tolist())}


def _bias(part: list[Instruction], uses: Uses, builder: Builder) -> list[Instruction]:
    """linear + constant, if nothing else reads the linear: into its bias."""
    linears = _producers(part, "linear")
    result = []
    for item in part:
        if item.op == "add":
            keep = np.ones(len(item.outputs), bool)
            for i, (a, b, out) in enumerate(zip(*(r.tolist() for r in item.inputs), item.outputs.tolist(), strict=True)):
                row, constant = (a, b) if a in linears else (b, a)
                if row in linears and constant in builder.values and uses[row] == 1:
                    made, position = linears[row]
                    assert made.bias is not None
                    made.bias = _added(made.bias, position, builder.values[constant])
                    made.outputs = _renamed(made.outputs, position, out)
                    keep[i] = False
            item = take(item, keep)
        if len(item.outputs):
            result.append(item)
    return result


def _added(bias: FloatArray, position: int, value: FloatArray) -> FloatArray:
    members = max(bias.shape[0], len(value))
    result = np.array(np.broadcast_to(bias, (members, bias.shape[1])))
    result[:, position] = (result[:, position].astype(np.float64) + value).astype(np.float32)
    return result


def _renamed(rows: IntArray, position: int, row: int) -> IntArray:
    result = rows.copy()
    result[position] = row
    return result


def _relu(part: list[Instruction], uses: Uses, builder: Builder) -> list[Instruction]:
    """relu of every output of a linear that nothing else reads: the linear's activation."""
    relus = {row: out for item in part if item.op == "relu" for row, out in zip(item.inputs[0].tolist(), item.outputs.tolist(), strict=True)}
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


def _linears(part: list[Instruction], uses: Uses, builder: Builder) -> list[Instruction]:
    """Linears of the same rows and activation: one, where the first of them is."""
    first: dict[tuple[bytes, str], Instruction] = {}
    result = []
    for item in part:
        key = (item.inputs[0].tobytes(), item.activation) if item.op == "linear" else None
        if key in first:
            _append_linear(first[key], item)
        else:
            if key is not None:
                first[key] = item
            result.append(item)
    return result


def _append_linear(first: Instruction, other: Instruction) -> None:
    assert first.weight is not None and other.weight is not None and first.bias is not None and other.bias is not None
    members = max(array.shape[0] for array in (first.weight, other.weight, first.bias, other.bias))

    def joined(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.concatenate([np.broadcast_to(x, (members, *x.shape[1:])) for x in (a, b)], 1)

    first.weight, first.bias = joined(first.weight, other.weight), joined(first.bias, other.bias)
    first.outputs = np.concatenate([first.outputs, other.outputs])


def _products(part: list[Instruction], uses: Uses, builder: Builder) -> list[Instruction]:
    """Products that only one sum reads: sums of them become dots, other additions fused multiply-adds."""
    factors: dict[int, tuple[int, int]] = {}
    result = []
    for item in part:
        n = len(item.outputs)
        if item.op == "mul":
            factors.update(zip(item.outputs.tolist(), zip(*(r.tolist() for r in item.inputs), strict=True), strict=True))
        fusable = {row for rows in item.inputs for row in rows.tolist() if row in factors and uses[row] == 1}
        if item.op == "sum" and fusable and len(item.inputs) == 1:
            groups = item.inputs[0].reshape(n, -1)
            chosen = np.array([all(row in fusable for row in group) for group in groups.tolist()])
            pairs = np.array([factors[row] for row in groups[chosen].reshape(-1).tolist()], np.int64).reshape(-1, 2)
            made = Instruction("dot", [pairs[:, 0].copy(), pairs[:, 1].copy()], item.outputs[chosen])
        elif item.op == "add" and fusable:
            chosen = np.array([a in fusable or b in fusable for a, b in zip(*(r.tolist() for r in item.inputs), strict=True)])
            triples = [_fma(a, b, factors, fusable) for a, b in zip(*(r[chosen].tolist() for r in item.inputs), strict=True)]
            made = Instruction("fma", list(np.array(triples, np.int64).T.copy()), item.outputs[chosen])
        else:
            result.append(item)
            continue
        result += [piece for piece in (made, take(item, ~chosen)) if len(piece.outputs)]
    return result


def _fma(a: int, b: int, factors: dict[int, tuple[int, int]], fusable: set[int]) -> tuple[int, int, int]:
    """(x, y, z) with x y + z = a + b."""
    product, rest = (a, b) if a in fusable else (b, a)
    return (*factors[product], rest)


def _numbered(
    builder: Builder, lists: list[list[Instruction]], outputs: Mapping[str, IntArray], order: Sequence[str]
) -> Program:
    """Rows numbered as the file has them: constants, arguments, outputs of instructions."""
    instructions = [item for part in lists for item in part]
    used = np.unique(np.concatenate([*outputs.values(), *(rows for item in instructions for rows in item.inputs)]))
    is_used = np.zeros(builder.count, bool)
    is_used[used] = True
    constants = [row for row in used.tolist() if row in builder.values]
    given = [builder.arguments[name] for name in order if name in builder.arguments]
    given = [(argument, rows) for argument, rows in given if argument.name in ("state", "action") or is_used[rows].any()]
    final = np.full(builder.count, -1, np.int64)
    numbered = [np.array(constants, np.int64), *(rows for _, rows in given), *(item.outputs for item in instructions)]
    old = np.concatenate(numbered)
    final[old] = np.arange(len(old))
    for item in instructions:
        item.inputs = [final[rows] for rows in item.inputs]
        item.outputs = final[item.outputs]
    return Program(
        _constants(builder, constants),
        [argument for argument, _ in given],
        len(lists[0]),
        instructions,
        {name: final[rows] for name, rows in outputs.items()},
    )


def _constants(builder: Builder, rows: list[int]) -> FloatArray:
    """`[1|M, C]`."""
    members = max((len(builder.values[row]) for row in rows), default=1)
    result = np.array([np.broadcast_to(builder.values[row], (members,)) for row in rows], np.float32).reshape(-1, members).T
    if np.isnan(result).any():
        raise ExportError("a constant of the module, or of what it computes from constants alone, is NaN")
    return np.ascontiguousarray(result)
