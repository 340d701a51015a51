"""Evaluates one operation on constants, with the kernels of the core."""

from __future__ import annotations

import numpy as np

from .program import FloatArray


def evaluate(op: str, operands: list[FloatArray], outputs: int) -> FloatArray:
    """Values `[outputs, 1 or members]` of `op` on operands `[rows, 1 or members]`."""
    width = max(operand.shape[1] for operand in operands)
    wide = [np.ascontiguousarray(np.broadcast_to(o, (len(o), width)), np.float32) for o in operands]
    try:
        from mbrl_fast import _core
    except ImportError:
        from .numpy_ops import evaluate_op

        return evaluate_op(op, wide, outputs)
    return np.asarray(_core.evaluate_op(op, wide, outputs), np.float32)
