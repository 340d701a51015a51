"""The numbering of rows in a Program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .builder import Builder
from .errors import ExportError
from .program import FloatArray, Instruction, IntArray, Program


def numbered(builder: Builder, lists: list[list[Instruction]], outputs: Mapping[str, IntArray], order: Sequence[str]) -> Program:
    """Rows numbered as the file has them: constants, arguments, outputs of instructions."""
    instructions = [item for part in lists for item in part]
    used = np.unique(np.concatenate([*outputs.values(), *(rows for item in instructions for rows in item.inputs)]))
    is_used = np.zeros(builder.count, bool)
    is_used[used] = True
    constants = [row for row in used.tolist() if row in builder.values]
    given = [builder.arguments[name] for name in order if name in builder.arguments]
    given = [(argument, rows) for argument, rows in given if argument.name in ("state", "action") or is_used[rows].any()]
    linears = [item for item in instructions if item.op == "linear"]
    if any(np.isnan(array).any() for item in linears for array in (item.weights, item.biases)):
        raise ExportError("a weight or bias of the modules is NaN")
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
        raise ExportError("a parameter, buffer or constant of the modules, or what they compute of these alone, is NaN")
    return np.ascontiguousarray(result)
