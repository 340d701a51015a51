"""Fusions of products and sums, and of narrow instructions."""

from __future__ import annotations

import numpy as np

from .builder import Builder
from .instructions import Uses, producers, take
from .program import FloatArray, Instruction

_EXACT = frozenset({"floor", "ceil", "trunc", "round", "fmod", "lt", "le", "eq", "ne"})


def multiply_by_reciprocals(part: list[Instruction], uses: Uses, builder: Builder) -> list[Instruction]:
    """Division by constants: products, which are many times faster and at most 1 ULP off.

    Not where the quotient is rounded or compared, as whole numbers must divide exactly there.
    """
    exact = {row for item in part if item.op in _EXACT for rows in item.inputs for row in rows.tolist()}
    result = []
    for item in part:
        if item.op != "div":
            result.append(item)
            continue
        values = [builder.values.get(row) for row in item.inputs[1].tolist()]
        chosen = np.array([
            value is not None and row not in exact and _has_reciprocal(value)
            for value, row in zip(values, item.outputs.tolist(), strict=True)
        ])  # fmt: skip
        piece = take(item, chosen)
        for position, row in enumerate(piece.inputs[1].tolist()):
            stand_in = np.array([1.0 / (builder.stand_ins[row] or np.float32(1))])
            piece.inputs[1][position] = builder.constant(1.0 / builder.values[row].astype(np.float64)[None], stand_in)[0]
        piece.op = "mul"
        result += [one for one in (piece, take(item, ~chosen)) if len(one.outputs)]
    return result


def _has_reciprocal(value: FloatArray) -> bool:
    size = np.abs(value)
    return bool(np.all((size > 1e-37) & (size < 1e37)))


def fuse_products(part: list[Instruction], uses: Uses, builder: Builder) -> list[Instruction]:
    """Products that only one sum reads: sums of them become dots (other terms times 1), additions fused multiply-adds."""
    factors: dict[int, tuple[int, int]] = {}
    result = []
    for item in part:
        n = len(item.outputs)
        if item.op == "mul":
            factors.update(zip(item.outputs.tolist(), zip(*(r.tolist() for r in item.inputs), strict=True), strict=True))
        fusable = {row for rows in item.inputs for row in rows.tolist() if row in factors and uses[row] == 1}
        if item.op == "sum" and fusable and len(item.inputs) == 1:
            groups = item.inputs[0].reshape(n, -1)
            one = int(builder.constant(np.ones((1, 1), np.float32))[0])
            chosen = np.array([2 * sum(row in fusable for row in group) >= len(group) for group in groups.tolist()])
            terms = [factors[row] if row in fusable else (row, one) for row in groups[chosen].reshape(-1).tolist()]
            pairs = np.array(terms, np.int64).reshape(-1, 2)
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


def start_sums(part: list[Instruction], uses: Uses, builder: Builder) -> list[Instruction]:
    """dot + row or sum + row, if nothing else reads the dot or sum: started at the row, where the addition was."""
    makers = {op: producers(part, op) for op in ("dot", "sum")}
    plain = {"dot": 2, "sum": 1}
    result = []
    for item in part:
        pieces = []
        if item.op == "add":
            keep = np.ones(len(item.outputs), bool)
            for i, (a, b, out) in enumerate(zip(*(r.tolist() for r in item.inputs), item.outputs.tolist(), strict=True)):
                for row, other in ((b, a), (a, b)):
                    found = next(((op, *makers[op][row]) for op in makers if row in makers[op] and uses[row] == 1), None)
                    if found and len(found[1].inputs) == plain[found[0]]:
                        one = take(found[1], np.arange(len(found[1].outputs)) == found[2])
                        pieces.append(Instruction(found[0], [*one.inputs, np.array([other])], np.array([out])))
                        keep[i] = False
                        break
            item = take(item, keep)
        result += [piece for piece in (item, *pieces) if len(piece.outputs)]
    return result


def widen(part: list[Instruction], uses: Uses, builder: Builder) -> list[Instruction]:
    """Narrow instructions of one operation: joined with an earlier one where their inputs are ready by then."""
    result: list[Instruction] = []
    place: dict[int, int] = {}
    for item in part:
        ready = max((place.get(row, -1) for rows in item.inputs for row in rows.tolist()), default=-1) + 1
        shape = [len(rows) // len(item.outputs) for rows in item.inputs]
        target = None
        if item.op != "linear" and len(item.outputs) <= 16:
            for i in range(len(result) - 1, ready - 1, -1):
                other = result[i]
                same = other.op == item.op and [len(rows) // len(other.outputs) for rows in other.inputs] == shape
                if same and len(other.outputs) <= 48:
                    target = i
                    break
        if target is None:
            target = len(result)
            result.append(item)
        else:
            other = result[target]
            joined = [np.concatenate(pair) for pair in zip(other.inputs, item.inputs, strict=True)]
            result[target] = Instruction(item.op, joined, np.concatenate([other.outputs, item.outputs]))
        place.update(dict.fromkeys(item.outputs.tolist(), target))
    return result
