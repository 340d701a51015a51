"""Indexing: by constants it moves elements, by values of a candidate it is a chain of selections."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import Refusal
from .registry import lowers
from .tools import Tools
from .values import Const, Rows

Index = Const | Rows | None


@lowers("index_select.default", keep_constants=True)
def index_select(tools: Tools, x: Const | Rows, dim: int, index: Const | Rows) -> Rows:
    """Elements `index [n]` of an axis."""
    rows = tools.rows(x)
    if isinstance(index, Const):
        return tools.move(torch.index_select, rows, dim, _single(index))
    return _chain(tools, tools.rows(index), rows, dim, spread=True)


@lowers("gather.default", keep_constants=True)
def gather(tools: Tools, x: Const | Rows, dim: int, index: Const | Rows, _sparse: bool) -> Rows:
    """x[..., index[...], ...]."""
    rows = tools.rows(x)
    if isinstance(index, Const):
        return tools.move(torch.gather, rows, dim, _single(index))
    return _chain(tools, tools.rows(index), rows, dim, spread=False)


def _chain(tools: Tools, index: Rows, x: Rows, dim: int, spread: bool) -> Rows:
    """where(index == 0, x[0], where(index == 1, x[1], ...)) along an axis; spread: the index is for all others."""
    dim = dim % len(x.shape)
    ids = x.ids
    if spread:
        shape = [1] * ids.dim()
        shape[dim] = -1
        index = tools.move(torch.reshape, index, shape)
    else:
        for axis, size in enumerate(index.shape):
            ids = ids if axis == dim else ids.narrow(axis, 0, size)
    parts = [tools.wrap(ids.narrow(dim, i, 1)) for i in range(ids.shape[dim])]
    if not spread:
        parts = [tools.move(torch.broadcast_to, part, index.shape) for part in parts]
    return _select(tools, index, parts)


def _select(tools: Tools, index: Rows, parts: list[Rows]) -> Rows:
    """The part that the index names; negative indices count from the end."""
    index = tools.map("where", tools.map("lt", index, 0.0), index + float(len(parts)), index)
    result = parts[0]
    for i, part in enumerate(parts[1:], 1):
        result = tools.map("where", tools.map("eq", index, float(i)), part, result)
    return result


@lowers("index.Tensor", keep_constants=True)
def index(tools: Tools, x: Const | Rows, indices: list[Index]) -> Rows:
    """x[i, j, ...], constant indices as in torch; bool masks of candidates are refused."""
    rows = tools.rows(x)
    for position, item in enumerate(indices):
        if isinstance(item, Rows) and tools.node.args[1][position].meta["val"].dtype == torch.bool:
            raise Refusal("a mask as an index gives an unknown number of elements. Use torch.where(mask, a, b)")
    lanes = [position for position, item in enumerate(indices) if isinstance(item, Rows)]
    if not lanes:
        fixed = [None if item is None else _single(item) for item in indices]  # type: ignore[arg-type]
        return tools.move(torch.ops.aten.index.Tensor, rows, fixed)
    if len(lanes) > 1:
        raise Refusal("only one index may be computed per candidate. Use torch.gather or torch.where")
    where = lanes[0]
    chosen = indices[where]
    assert isinstance(chosen, Rows)
    parts = []
    for i in range(rows.shape[where]):
        fixed = [None if item is None else _single(item) for item in indices[:where]]  # type: ignore[arg-type]
        fixed.append(torch.full(chosen.shape, i))
        fixed += [None if item is None else _single(item) for item in indices[where + 1 :]]  # type: ignore[arg-type]
        parts.append(tools.move(torch.ops.aten.index.Tensor, rows, fixed))
    return _select(tools, _beside(tools, chosen, parts[0], indices), parts)


def _beside(tools: Tools, chosen: Rows, part: Rows, indices: list[Index]) -> Rows:
    """The index, its axes placed where torch puts them in the result: at the first index if those are adjacent."""
    used = [i for i, item in enumerate(indices) if item is not None]
    adjacent = used == list(range(used[0], used[-1] + 1))
    shape = np.broadcast_shapes(*(item.shape for item in indices if item is not None))
    trailing = len(part.shape) - len(shape) - (used[0] if adjacent else 0)
    spread = tools.move(torch.broadcast_to, chosen, shape)
    return tools.move(torch.reshape, spread, [*shape, *[1] * trailing])


@lowers("index_put.default", keep_constants=True)
def index_put(tools: Tools, x: Const | Rows, indices: list[Index], values: Const | Rows, accumulate: bool) -> Rows:
    """x[mask] = value (where), or x[constant indices] = values."""
    target, source = tools.rows(x), tools.rows(values)
    if accumulate:
        raise Refusal("index_put with accumulate is not supported. Use additions")
    mask = indices[0]
    boolean = isinstance(mask, Rows) and tools.node.args[1][0].meta["val"].dtype == torch.bool
    if len(indices) == 1 and isinstance(mask, Rows) and boolean:
        if source.ids.numel() != 1 and len(source.shape) >= len(mask.shape) and source.shape[0] != 1:
            raise Refusal("a mask may only assign one value. Use torch.where(mask, values, y)")
        shape = [*mask.shape, *[1] * (len(target.shape) - len(mask.shape))]
        return tools.map("where", tools.move(torch.reshape, mask, shape), source, target)
    if any(isinstance(item, Rows) for item in indices):
        raise Refusal("assignment at an index that is computed per candidate is not supported. Use torch.where")
    fixed = [None if item is None else _single(item) for item in indices]  # type: ignore[arg-type]
    return tools.move(torch.ops.aten.index_put.default, target, fixed, source)


@lowers("scatter.src", "scatter.value", keep_constants=True)
def scatter(tools: Tools, x: Const | Rows, dim: int, where: Const | Rows, source: Any) -> Rows:
    """x with source at constant indices of an axis; at indices per candidate a selection for each element."""
    target, values = tools.rows(x), tools.rows(source)
    if isinstance(where, Const):
        place = _single(where)
        full = tools.move(torch.broadcast_to, values, place.shape) if not values.shape else values
        return tools.move(torch.scatter, target, dim, place, full)
    if where.shape[dim] != 1:
        raise Refusal("scatter takes one index per candidate along its axis. Use torch.where")
    places = torch.arange(target.shape[dim]).reshape([-1 if a == dim % len(target.shape) else 1 for a in range(len(target.shape))])
    return tools.map("where", tools.map("eq", where, tools.rows(places)), values, target)


@lowers("one_hot.default")
def one_hot(tools: Tools, x: Rows, _classes: int) -> Rows:
    """`[...]` → `[..., classes]`."""
    places = tools.rows(torch.arange(tools.shape()[-1]))
    return tools.map("eq", tools.move(torch.unsqueeze, x, -1), places)


def _single(index: Const) -> Tensor:
    """A constant index; members may not index differently."""
    if any(not torch.equal(index.tensors[0], tensor) for tensor in index.tensors[1:]):
        raise Refusal("members of an ensemble index differently")
    return index.tensors[0]
