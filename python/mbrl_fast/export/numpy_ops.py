"""Temporary stand-in for _core.evaluate_op."""

from __future__ import annotations

import math

import numpy as np

_erf = np.vectorize(math.erf, otypes=[float])
MAPS = {
    "copy": lambda x: x, "neg": np.negative, "abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil,
    "round": np.round, "trunc": np.trunc, "sqrt": np.sqrt, "exp": np.exp, "expm1": np.expm1, "log": np.log,
    "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)), "softplus": lambda x: np.logaddexp(0, x), "erf": lambda x: _erf(x),
    "relu": lambda x: np.where(np.isnan(x), x, np.maximum(x, 0)), "isnan": lambda x: np.isnan(x) * 1.0,
    "logical_not": lambda x: (x == 0) * 1.0,
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "minimum": np.minimum,
    "maximum": np.maximum, "pow": np.power, "atan2": np.arctan2, "fmod": np.fmod,
    "lt": lambda a, b: (a < b) * 1.0, "le": lambda a, b: (a <= b) * 1.0, "eq": lambda a, b: (a == b) * 1.0,
    "ne": lambda a, b: (a != b) * 1.0, "logical_and": lambda a, b: ((a != 0) & (b != 0)) * 1.0,
    "logical_or": lambda a, b: ((a != 0) | (b != 0)) * 1.0,
    "where": lambda c, a, b: np.where(c != 0, a, b), "fma": lambda a, b, c: a * b + c,
}
REDUCES = {
    "sum": np.sum, "prod": np.prod, "amax": np.max, "amin": np.min,
    "argmax": np.argmax, "argmin": np.argmin,
}


def evaluate_op(op, operands, outputs):
    with np.errstate(all="ignore"):
        wide = [o.astype(np.float64) for o in operands]
        if op in MAPS:
            return np.asarray(MAPS[op](*wide), np.float32)
        parts = [o.reshape(outputs, -1, o.shape[1]) for o in wide]
        if op == "dot":
            out = (parts[0] * parts[1]).sum(1) + (wide[2] if len(wide) > 2 else 0)
        else:
            out = REDUCES[op](parts[0], axis=1) + (wide[1] if len(wide) > 1 else 0)
        return np.asarray(out, np.float32)
