"""Operations that move elements: views, joins, repeats. Each is the ATen operation itself, on the row ids."""

from __future__ import annotations

from typing import Any

import torch

from .registry import lowers
from .tools import Tools
from .values import Rows


@lowers(
    *"permute.default transpose.int t.default expand.default unsqueeze.default "
    "squeeze.default squeeze.dim squeeze.dims slice.Tensor select.int cat.default stack.default unbind.int split.Tensor "
    "split_with_sizes.default chunk.default repeat.default flip.default roll.default diagonal.default movedim.intlist "
    "slice_scatter.default select_scatter.default diagonal_scatter.default broadcast_tensors.default unfold.default "
    "flatten.using_ints narrow.default swapaxes.default tile.default hstack.default "
    "repeat_interleave.self_int view_copy.default expand_copy.default permute_copy.default".split()
)
def move(tools: Tools, *args: Any) -> Any:
    """`[...]` → views and joins of any shape; constants beside rows join as constant rows."""
    target = tools.node.target
    named = {}
    positional = []
    for argument, value in zip(target._schema.arguments, args, strict=True):
        if argument.kwarg_only:
            named[argument.name] = value
        else:
            positional.append(value)
    return tools.move(target, *positional, **named)


@lowers("view.default", "reshape.default", "_unsafe_view.default")
def view(tools: Tools, value: Rows, size: list[int]) -> Rows:
    """Another shape; the ids, unlike the traced tensor, need not be contiguous."""
    return tools.move(torch.reshape, value, size)


@lowers(
    *"clone.default detach.default alias.default lift_fresh_copy.default contiguous.default dropout.default lift_fresh.default "
    "native_dropout.default view_of.default detach_copy.default alias_copy.default positive.default".split()
)
def same(tools: Tools, value: Rows, *_: Any) -> Any:
    """Operations that leave the values as they are (dropout: in evaluation mode)."""
    return (value, None) if str(tools.node.target).startswith("aten.native_dropout") else value


@lowers("copy.default")
def copy(tools: Tools, target: Rows, source: Rows, _: bool) -> Rows:
    """`source` broadcast to the shape of `target`, converted to its type."""
    return convert(tools, tools.move(torch.broadcast_to, source, target.shape), tools.dtype(1), tools.dtype(0))


@lowers("_to_copy.default", "to.dtype", "_to_copy_default")
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


@lowers("zeros_like.default", "new_zeros.default", "empty_like.default", "new_empty.default", "new_empty_strided.default")
def zeros(tools: Tools, _value: Rows, *_: Any) -> Rows:
    """Zeros of the shape that the trace says."""
    return tools.move(torch.broadcast_to, tools.rows(0.0), tools.shape())


@lowers("ones_like.default", "new_ones.default")
def ones(tools: Tools, _value: Rows, *_: Any) -> Rows:
    """Ones of the shape that the trace says."""
    return tools.move(torch.broadcast_to, tools.rows(1.0), tools.shape())


@lowers("new_full.default")
def new_full(tools: Tools, _value: Rows, _size: Any, number: Any, *_: Any) -> Rows:
    """A number in the shape that the trace says."""
    return tools.move(torch.broadcast_to, tools.rows(number), tools.shape())


@lowers("constant_pad_nd.default")
def pad(tools: Tools, value: Rows, sizes: list[int], number: Any) -> Rows:
    """Constant padding (negative sizes cut)."""
    fill_id = int(tools.rows(number).ids)
    return tools.move(lambda ids: torch.nn.functional.pad(ids, sizes, value=fill_id), value)


@lowers("diag_embed.default")
def diag_embed(tools: Tools, value: Rows, offset: int, dim1: int, dim2: int) -> Rows:
    """`[..., n]` → `[..., n, n]` with constant zeros beside the diagonal."""
    zero = int(tools.rows(0.0).ids)
    return tools.move(lambda ids: torch.diag_embed(ids - zero, offset, dim1, dim2) + zero, value)


@lowers("tril.default", "triu.default")
def triangle(tools: Tools, value: Rows, diagonal: int) -> Rows:
    """One triangle, constant zeros in the other."""
    cut = torch.tril if "tril" in str(tools.node.target) else torch.triu
    keep = cut(torch.ones(value.shape[-2:], dtype=torch.bool), diagonal)
    zero = tools.rows(0.0).ids
    return tools.move(lambda ids: torch.where(keep, ids, zero), value)
