"""Gradients of every function of the operation table, exported, against torch.autograd in float64."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from operations import ELEMENTWISE, SMOOTH, Function
from test_export_operations import SIZE, exported, groups, joined, widths

from mbrl_fast import _core

DETACHED = {"contiguous detach"}  # torch does not differentiate what this computes
STATES = 24


def autograd(function: Function, states: np.ndarray, cotangents: np.ndarray, shift: float) -> np.ndarray:
    """Gradient [STATES, 2 · SIZE] of Σ cotangents·function, of states moved by `shift`."""
    variable = torch.from_numpy(states.astype(np.float64) + shift).requires_grad_()
    torch.set_default_dtype(torch.float64)
    try:
        x, y = variable.reshape(-1, 2, 3, 4).unbind(1)
        result = function(x, y).reshape(len(states), -1)
    finally:
        torch.set_default_dtype(torch.float32)
    if not result.requires_grad:
        return np.zeros(states.shape)
    (gradient,) = torch.autograd.grad(result, variable, torch.from_numpy(cotangents).to(result), allow_unused=True)
    return np.zeros(states.shape) if gradient is None else gradient.numpy()


@pytest.mark.parametrize(("table", "names"), [*groups(ELEMENTWISE, 40), *groups(SMOOTH, 40)])
def test_gradients_of_an_exported_operation_agree_with_autograd(table: dict[str, Function], names: list[str]) -> None:
    functions = [table[name] for name in names]
    sizes = widths(functions, (3, 4))
    core: Any = _core.Problem(exported(joined(functions, (3, 4)), sum(sizes)))
    generator = np.random.default_rng(11)
    states = generator.standard_normal((STATES, 2 * SIZE)).astype(np.float32)
    start = 0
    for name, size in zip(names, sizes, strict=True):
        cotangents = np.zeros((STATES, sum(sizes)), np.float32)
        own = generator.standard_normal((STATES, size)).astype(np.float32)
        cotangents[:, start : start + size] = own
        start += size
        if name in DETACHED:
            continue
        got = _core.program_gradient(core, "policy", {"state": states}, {"action": cotangents})["state"]
        try:
            expected, *beside = (autograd(table[name], states, own, shift) for shift in (0.0, 1e-4, -1e-4))
        except RuntimeError as error:
            if not re.search("derivative for .* is not implemented", str(error)):  # floor_divide and the like
                raise
            continue
        jump = np.max([np.abs(other - expected) for other in beside], axis=0)
        scale = max(float(np.abs(expected).max()), 1.0)
        smooth = jump <= 0.02 * scale
        wrong = smooth & ~(np.abs(got - expected) <= 1e-4 * scale)
        assert not wrong.any(), f"{name}: got {got[wrong][:4]}, torch says {expected[wrong][:4]}"
        assert smooth.mean() > 0.5, f"{name}: too few numbers away from kinks"
