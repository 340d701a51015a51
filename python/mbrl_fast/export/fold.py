"""Evaluates one operation on constants, with the kernels of the core."""

from __future__ import annotations

import numpy as np

from mbrl_fast import _core

from .program import FloatArray


def evaluate(op: str, operands: list[FloatArray], outputs: int) -> FloatArray:
    """Values `[outputs, 1 or members]` of `op` on operands `[rows, 1 or members]`."""
    width = max(operand.shape[1] for operand in operands)
    wide = [np.ascontiguousarray(np.broadcast_to(operand, (len(operand), width)), np.float32) for operand in operands]
    return np.asarray(_core.evaluate_op(op, wide, outputs), np.float32)
