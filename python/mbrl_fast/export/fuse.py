"""Makes a Program of what a Builder collected: drops what is unused, fuses, numbers the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .builder import Builder
from .fuse_linear import fold_constants, fuse_relu, join_linears
from .fuse_products import fuse_products, multiply_by_reciprocals, start_sums, widen
from .instructions import live_part, uses_of
from .number import numbered
from .program import IntArray, Program

_PASSES = (
    fold_constants, fuse_relu, join_linears, multiply_by_reciprocals, fuse_products, start_sums, widen,
)  # fmt: skip


def finish(builder: Builder, outputs: Mapping[str, IntArray], order: Sequence[str]) -> Program:
    """The Program that computes `outputs`; arguments in `order`, of which only state and action may be unused.

    Raises:
        ExportError: If a constant or weight is NaN.
    """
    kept = np.concatenate([rows.reshape(-1) for rows in outputs.values()])
    lists = live_part([builder.prologue, builder.main], kept, builder)
    for fuse in _PASSES:
        lists = [fuse(part, uses_of(lists, kept, builder), builder) for part in lists]
        lists = live_part(lists, kept, builder)
    return numbered(builder, lists, outputs, order)
