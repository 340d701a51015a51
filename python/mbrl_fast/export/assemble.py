"""Lowers the slots of a Problem into its Programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch

from .bind import Bound, bind, example_arguments, shape_of
from .builder import LANE, Builder
from .errors import ExportError, Refusal
from .fuse import finish
from .lower import lower
from .members import MemberMerger
from .program import IntArray, Program
from .spec import ExportSpec
from .tools import Tools
from .trace import trace
from .values import BATCH, Rows

SEPARATE = {"terminal_value": "value", "observe": "state", "policy": "action"}


def bind_all(spec: ExportSpec) -> dict[str, Bound]:
    """Every slot given, bound."""
    bounds = {"dynamics": bind("dynamics", spec.dynamics, spec)}
    return bounds | {name: bind(name, [function], spec) for name, function in spec.slots.items()}


def assemble(spec: ExportSpec, bounds: Mapping[str, Bound]) -> dict[str, Program]:
    """All Programs: `step` of dynamics, reward and termination, and one for each other slot."""
    programs = {"step": _step(spec, bounds)}
    for name, output in SEPARATE.items():
        if name in bounds:
            builder = Builder()
            first = "observation" if name == "observe" else "state"
            _argument(builder, spec, first)
            rows = _lowered(bounds[name], spec, builder, partial(_argument, builder, spec))[0]
            programs[name] = finish(builder, {output: rows}, _order(spec))
    return programs


def _step(spec: ExportSpec, bounds: Mapping[str, Bound]) -> Program:
    dynamics = bounds["dynamics"]
    builder = Builder()

    def rows_of(name: str) -> IntArray:
        return _argument(builder, spec, name)

    rows_of("state"), rows_of("action")
    outputs = {}
    single = dynamics.stacked is None
    results = _lowered(dynamics, spec, builder, rows_of) if single else _stacked(dynamics, spec, builder)
    next_state = results[0]
    if dynamics.kind != "tensor":
        next_state = builder.map("fma", [results[1], rows_of("noise"), results[0]])
        outputs["std"] = results[1]
    outputs["next_state"] = next_state

    def after(name: str) -> IntArray:
        return next_state if name == "next_state" else rows_of(name)

    def at_end(name: str) -> IntArray:
        return next_state if name == "state" and "next_state" not in bounds["termination"].names else after(name)

    if "reward" in bounds:
        outputs["reward"] = _lowered(bounds["reward"], spec, builder, after)[0]
    if "termination" in bounds:
        outputs["termination"] = _lowered(bounds["termination"], spec, builder, at_end)[0]
    return finish(builder, outputs, _order(spec))


def _stacked(bound: Bound, spec: ExportSpec, builder: Builder) -> list[IntArray]:
    """Rows of a batched ensemble's outputs, its members merged into weight sets."""
    source = Builder(simplify=False)
    results = _results(bound, spec, source, partial(_argument, source, spec))
    merger = MemberMerger(source, builder)
    merged = []
    for rows in results:
        members = rows.ids.unbind(bound.stacked or 0)
        each = [_canonical(rows.tools.wrap(ids), bound.slot, source) for ids in members]
        try:
            merged.append(merger.merge(np.stack(each)))
        except Refusal as refusal:
            raise ExportError(f"{bound.slot}: {refusal}") from None
    return merged


def _order(spec: ExportSpec) -> list[str]:
    first = ["state", "observation", "action", "previous_action", "time", "noise"]
    return [*first, *(item.name for item in spec.inputs)]


def _argument(builder: Builder, spec: ExportSpec, name: str) -> IntArray:
    shape, kind = shape_of(name, spec)
    return builder.argument(name, int(np.prod(shape, dtype=int)), kind)


def _lowered(bound: Bound, spec: ExportSpec, builder: Builder, rows_of: Callable[[str], IntArray]) -> list[IntArray]:
    """Rows `[size]` of each output of a slot, given those of its arguments."""
    return [_canonical(rows, bound.slot, builder) for rows in _results(bound, spec, builder, rows_of)]


def _results(bound: Bound, spec: ExportSpec, builder: Builder, rows_of: Callable[[str], IntArray]) -> list[Rows]:
    """The outputs of a slot in their own shapes."""
    examples = example_arguments(spec, bound.names, bound.batched)
    traced = trace(bound.modules, examples, bound.parameters, bound.slot)
    tools = Tools(builder)
    inputs = [
        _spread(tools, rows_of(name), example.shape, shape_of(name, spec)[0])
        for name, example in zip(bound.names, examples, strict=True)
    ]
    results = lower(traced, inputs, builder, bound.slot)
    if bound.slot == "termination" and traced.outputs[0].meta["val"].dtype != torch.bool:
        results = [tools.map("ne", results[0], 0.0)]
    if bound.kind == "tril":
        results = [results[0], _diagonal(tools, results[1])]
    if bound.kind != "tensor":
        results = [tools.move(torch.broadcast_to, rows, results[0].shape) for rows in results]
    return results


def _spread(tools: Tools, rows: IntArray, example: torch.Size, shape: tuple[int, ...]) -> Rows:
    """Rows of an argument in the shape of its example: each candidate its own element of a lane row."""
    ids = np.broadcast_to(rows.reshape(shape) * BATCH, example)
    lane = tools.builder.level(np.broadcast_to(rows.reshape(shape), example)) == LANE
    batched = len(example) > len(shape)
    candidate = np.arange(BATCH).reshape(-1, *[1] * len(shape)) if batched else np.zeros((), np.int64)
    return tools.wrap(np.where(lane, ids + candidate, ids))


def _diagonal(tools: Tools, factor: Rows) -> Rows:
    """Standard deviations of a Cholesky factor `[..., S, S]`, which must be diagonal."""
    size = factor.shape[-1]
    beside = factor.ids[..., ~torch.eye(size, dtype=torch.bool)]
    if not bool((beside == int(tools.rows(0.0).ids)).all()):
        raise ExportError("dynamics: a MultivariateNormal must have a diagonal scale. Return Normal(mean, std)")
    return tools.move(lambda ids: ids.diagonal(dim1=-2, dim2=-1), factor)


def _canonical(result: Rows, slot: str, builder: Builder) -> IntArray:
    """Rows `[size]` of an output `[B, size]` or `[B]`, each candidate's in its own place."""
    ids = result.ids.reshape(BATCH, -1).numpy()
    rows = ids // BATCH
    lane = builder.level(rows) == LANE
    if not np.array_equal(rows, np.broadcast_to(rows[:1], rows.shape)) or not np.array_equal(
        np.where(lane, ids % BATCH, -1), np.where(lane, np.arange(BATCH)[:, None], -1)
    ):
        raise ExportError(
            f"{slot} mixes candidates: its result is permuted, flipped or numbered along the batch. Every candidate must "
            "get what it would get alone"
        )
    return np.asarray(rows[0])
