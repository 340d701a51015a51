"""What a lowering rule works with: turns values into rows and emits operations on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .builder import LANE, Builder
from .errors import Refusal
from .program import IntArray
from .values import BATCH, Const, Operand, Rows, common_candidate, unique_rows


class Tools:
    """Emits row operations for whole tensors; `[...]` are example shapes, with the candidate axis anywhere."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.node: Any = None  # of the graph, while its rule runs

    def dtype(self, position: int) -> torch.dtype:
        """Type that argument `position` of the current node had in the trace."""
        value = self.node.args[position]
        dtype: torch.dtype = value.meta["val"].dtype if isinstance(value, torch.fx.Node) else torch.tensor(value).dtype
        return dtype

    def shape(self) -> tuple[int, ...]:
        """Shape that the current node had in the trace."""
        return tuple(self.node.meta["val"].shape)

    def axes(self, value: Rows, dims: int | Sequence[int] | None) -> list[int]:
        """Non-negative axes of a value."""
        return axes_of(dims, len(value.shape))

    def rows(self, value: Operand) -> Rows:
        """A value as rows: constants and numbers become constant rows."""
        if isinstance(value, Rows):
            return value
        if not isinstance(value, Const):
            tensor = value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
            value = Const((tensor,), tensor)
        tensors = (*value.tensors, value.stand_in)
        if any(tensor.is_complex() for tensor in tensors):
            raise Refusal("complex numbers are not supported. Write the real and imaginary parts out")
        values = np.stack([tensor.detach().to(torch.float32).reshape(-1).numpy() for tensor in tensors], 1)
        ids = self.builder.constant(values[:, :-1], values[:, -1]) * BATCH
        return self.wrap(ids.reshape(tuple(tensors[0].shape)))

    def wrap(self, ids: IntArray | Tensor) -> Rows:
        """Rows with the given ids."""
        return Rows(ids if isinstance(ids, Tensor) else torch.from_numpy(np.ascontiguousarray(ids)), self)

    def map(self, op: str, *values: Operand) -> Rows:
        """An elementwise operation, operands broadcast as in torch; nothing is materialised."""
        ids = broadcast(*(self.rows(value).ids for value in values))
        matrix = torch.stack([i.reshape(-1) for i in ids], 1).numpy()
        shape = tuple(ids[0].shape)
        return self._emit(matrix, lambda groups: self.builder.map(op, list(groups.T)), shape)

    def reduce(self, op: str, value: Operand, dims: int | Sequence[int] | None, keepdim: bool) -> Rows:
        """A reduction over `dims` (all axes if None or empty), in row-major order of those axes."""
        moved, shape = self.last(self.rows(value), dims, keepdim)
        matrix = moved.reshape(-1, moved.shape[-1]).numpy()
        return self._emit(matrix, lambda groups: self.builder.reduce(op, groups), shape)

    def dot(self, left: Operand, right: Operand, dims: int | Sequence[int] | None, keepdim: bool) -> Rows:
        """Sum of products over `dims` of the broadcast operands."""
        a, b = broadcast(self.rows(left).ids, self.rows(right).ids)
        (moved_a, shape), (moved_b, _) = (self.last(self.wrap(ids), dims, keepdim) for ids in (a, b))
        k = moved_a.shape[-1]
        matrix = torch.cat([moved_a.reshape(-1, k), moved_b.reshape(-1, k)], 1).numpy()
        return self._emit(matrix, lambda groups: self.builder.dot(groups[:, :k], groups[:, k:]), shape)

    def last(self, value: Rows, dims: int | Sequence[int] | None, keepdim: bool) -> tuple[Tensor, tuple[int, ...]]:
        """`ids` with the axes `dims` merged into a last one, and the shape of the result of reducing it."""
        rank = value.ids.dim()
        axes = axes_of(dims, rank)
        rest = [axis for axis in range(rank) if axis not in axes]
        length = int(np.prod([value.shape[axis] for axis in axes], dtype=int))
        if length == 0:
            raise Refusal("it reduces an empty axis")
        moved = value.ids.permute(*rest, *axes).reshape(*(value.shape[axis] for axis in rest), length)
        kept = tuple(1 if axis in axes else value.shape[axis] for axis in range(rank))
        return moved, kept if keepdim else tuple(moved.shape[:-1])

    def _emit(self, matrix: IntArray, build: Callable[[IntArray], IntArray], shape: tuple[int, ...]) -> Rows:
        """Elements whose operands are `matrix [n, k]` ids: one row per distinct tuple of operand rows."""
        rows = matrix // BATCH
        owner = common_candidate(matrix, self.builder.level(rows) == LANE)
        first, inverse = unique_rows(rows)
        made = build(rows[first])[inverse]
        ids = made * BATCH + np.where(self.builder.level(made) == LANE, owner, 0)
        return self.wrap(ids.reshape(shape))

    def move(self, function: Callable[..., Tensor], *args: Any) -> Rows:
        """Calls a function that only moves elements (a view, cat, index by constants) on the ids of its rows."""
        return self.wrap(function(*[_ids(arg) for arg in args]))

    def moves(self, function: Callable[..., Sequence[Tensor]], *args: Any) -> list[Rows]:
        """The same for a function with several results."""
        return [self.wrap(part) for part in function(*[_ids(arg) for arg in args])]


def broadcast(*tensors: Tensor) -> list[Tensor]:
    """Views of one shape."""
    return list(torch.broadcast_tensors(*tensors))  # type: ignore[no-untyped-call]


def _ids(arg: Any) -> Any:
    if isinstance(arg, Rows):
        return arg.ids
    if isinstance(arg, (list, tuple)):
        return [_ids(item) for item in arg]
    return arg


def axes_of(dims: int | Sequence[int] | None, rank: int) -> list[int]:
    """Sorted non-negative axes; all of them for None or an empty list."""
    if dims is None or (not isinstance(dims, int) and len(dims) == 0):
        return list(range(rank))
    chosen = [dims] if isinstance(dims, int) else list(dims)
    return sorted({axis % rank for axis in chosen}) if rank else []
