"""Operations that move elements: views, joins, repeats. Each is the ATen operation itself, on the row ids."""

from __future__ import annotations

from typing import Any

import torch

from .registry import lowers
from .tools import Tools
from .values import Rows


@lowers(
    "permute.default", "transpose.int", "expand.default", "unsqueeze.default", "squeeze.dims", "slice.Tensor",
    "select.int", "cat.default", "stack.default", "unbind.int", "split.Tensor", "split_with_sizes.default",
    "repeat.default", "flip.default", "diagonal.default", "slice_scatter.default", "select_scatter.default",
    "unfold.default",
)  # fmt: skip
def move(tools: Tools, *args: Any) -> Any:
    """`[...]` → views and joins of any shape; constants beside rows join as constant rows."""
    target = tools.node.target
    given = [value for argument, value in zip(target._schema.arguments, args, strict=True) if not argument.kwarg_only]
    several = len(target._schema.returns) == 1 and "List" in str(target._schema.returns[0].type)
    return tools.moves(target, *given) if several else tools.move(target, *given)


@lowers("view.default")
def view(tools: Tools, value: Rows, size: list[int]) -> Rows:
    """Another shape; the ids, unlike the traced tensor, need not be contiguous."""
    return tools.move(torch.reshape, value, size)


@lowers("clone.default", "alias.default")
def same(tools: Tools, value: Rows, *_: Any) -> Rows:
    """Operations that leave the values as they are."""
    return value


@lowers("copy.default")
def copy(tools: Tools, target: Rows, source: Rows, _: bool) -> Rows:
    """`source` broadcast to the shape of `target`, converted to its type."""
    return convert(tools, tools.move(torch.broadcast_to, source, target.shape), tools.dtype(1), tools.dtype(0))


@lowers("_to_copy.default")
def to_copy(tools: Tools, value: Rows, *_: Any) -> Rows:
    """Conversion to the type that the trace says."""
    return convert(tools, value, tools.dtype(0), tools.node.meta["val"].dtype)


def convert(tools: Tools, value: Rows, source: torch.dtype, target: torch.dtype) -> Rows:
    """Values of one dtype as those of another: float rows hold bools as 0/1 and integers as whole numbers."""
    if target == torch.bool and source != torch.bool:
        return tools.map("ne", value, 0.0)
    whole = not target.is_floating_point and target != torch.bool
    return tools.map("trunc", value) if whole and source.is_floating_point else value


@lowers("fill.Scalar", "fill.Tensor", "full_like.default")
def fill(tools: Tools, value: Rows, number: Any, *_: Any) -> Rows:
    """A tensor of the same shape, filled."""
    return tools.move(torch.broadcast_to, tools.rows(number), value.shape)


@lowers("constant_pad_nd.default")
def pad(tools: Tools, value: Rows, sizes: list[int], number: Any) -> Rows:
    """Constant padding (negative sizes cut)."""
    fill_id = int(tools.rows(number).ids)
    return tools.move(lambda ids: torch.nn.functional.pad(ids, sizes, value=fill_id), value)
