"""The derivative of every row of the operation table against torch.autograd in float64, and the conventions at kinks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from test_operations import MAPS, REDUCTIONS, TABLE
from torch import Tensor

from mbrl_fast import _core

Floats = NDArray[np.float32]
KINK = 1e-4
LANES = 400
INNER = 3


def autograd(
    function: Callable[..., Tensor], values: list[Floats], cotangents: Floats, shift: float = 0.0
) -> list[NDArray[np.float64]]:
    """Gradients of Σ cotangents·function by every operand, moved by `shift`; zeros where there is no derivative."""
    operands = [torch.from_numpy(value.astype(np.float64) + shift).requires_grad_() for value in values]
    result = function(*operands)
    if not result.requires_grad:
        return [np.zeros(value.shape) for value in values]
    gradients = torch.autograd.grad(result, operands, torch.from_numpy(cotangents.astype(np.float64)), allow_unused=True)
    return [np.zeros(v.shape) if g is None else g.numpy() for g, v in zip(gradients, values, strict=True)]


def compare(name: str, function: Callable[..., Tensor], values: list[Floats], cotangents: Floats, got: list[Floats]) -> None:
    """Within 1e-4 of the largest gradient of the lane, or of 1, except next to a kink or a pole."""
    expected = autograd(function, values, cotangents)
    beside = [autograd(function, values, cotangents, shift) for shift in (KINK, -KINK)]
    forward = function(*(torch.from_numpy(value.astype(np.float64)) for value in values)).numpy()
    checked = 0
    for i, gradient in enumerate(expected):
        size = np.maximum(np.abs(gradient), np.abs(cotangents).max())
        jump = np.max([np.abs(other[i] - gradient) for other in beside], axis=0)
        smooth = (jump <= 0.02 * size) & np.isfinite(gradient) & np.isfinite(jump)
        error = np.abs(got[i] - gradient)
        wrong = smooth & ~(error <= 1e-4 * size)
        assert not wrong.any(), f"{name}, operand {i}: got {got[i][wrong][:3]}, torch says {gradient[wrong][:3]}"
        checked += int(smooth.sum())
        whole = np.isfinite(forward).all(0) & np.isfinite(gradient).all(0)
        assert not np.isnan(got[i][:, whole]).any(), f"{name}: NaN where the operation has a value"
    assert checked >= 0.3 * sum(value.size for value in values), f"{name}: too few numbers away from kinks"


def inputs(name: str, arity: int, rows: int) -> list[Floats]:
    """Numbers of moderate size, some close to zero, some far."""
    generator = np.random.default_rng(len(name))
    scale = 10.0 ** generator.uniform(-1.5, 0.7, (arity, 1, LANES))
    values = generator.standard_normal((arity, rows, LANES)) * scale
    if name in ("where", "logical_and", "logical_or", "logical_not"):
        values[0] = np.round(np.abs(values[0])).clip(0, 1)
    return [value.astype(np.float32) for value in values]


def test_every_operation_has_a_rule_for_its_gradient() -> None:
    missing = [row["name"] for row in TABLE if not _core.has_gradient(row["name"])]
    assert not missing, f"no gradient of: {', '.join(missing)}"
    assert not _core.has_gradient("conv")


@pytest.mark.parametrize("name", sorted(MAPS))
def test_gradient_of_a_map_agrees_with_autograd(name: str) -> None:
    arity = next(row["arity"] for row in TABLE if row["name"] == name)
    values = inputs(name, arity, 2)
    cotangents = np.random.default_rng(7).standard_normal((2, LANES)).astype(np.float32)
    compare(name, MAPS[name].function, values, cotangents, _core.operation_gradient(name, values, cotangents))


@pytest.mark.parametrize("name", sorted(REDUCTIONS))
@pytest.mark.parametrize("inner", [1, 2, 5])
def test_gradient_of_a_reduction_agrees_with_autograd(name: str, inner: int) -> None:
    function = REDUCTIONS[name][0]
    values = inputs(name, 1, 2 * inner)
    cotangents = np.random.default_rng(7).standard_normal((2, LANES)).astype(np.float32)
    got = _core.operation_gradient(name, values, cotangents)

    def both(x: Tensor) -> Tensor:
        return torch.stack([function(x[i * inner : (i + 1) * inner]) for i in range(2)])

    compare(name, both, values, cotangents, got)


@pytest.mark.parametrize("start", [False, True])
def test_gradients_of_sum_and_dot_with_and_without_a_start(start: bool) -> None:
    generator = np.random.default_rng(3)
    a, b = generator.standard_normal((2, 2 * INNER, LANES)).astype(np.float32)
    starts = [generator.standard_normal((2, LANES)).astype(np.float32)] if start else []
    cotangents = generator.standard_normal((2, LANES)).astype(np.float32)

    def dot(x: Tensor, y: Tensor, *rest: Tensor) -> Tensor:
        total = (x * y).reshape(2, INNER, -1).sum(1)
        return total + rest[0] if rest else total

    def total(x: Tensor, *rest: Tensor) -> Tensor:
        return dot(x, torch.ones_like(x), *rest)

    compare("dot", dot, [a, b, *starts], cotangents, _core.operation_gradient("dot", [a, b, *starts], cotangents))
    compare("sum", total, [a, *starts], cotangents, _core.operation_gradient("sum", [a, *starts], cotangents))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(("ins", "outs"), [(1, 1), (4, 64), (64, 5), (13, 25)])
def test_gradient_of_linear_agrees_with_autograd(ins: int, outs: int, relu: bool) -> None:
    generator = np.random.default_rng(ins)
    x = generator.standard_normal((ins, LANES)).astype(np.float32)
    weight = generator.standard_normal((outs, ins)).astype(np.float32)
    bias = generator.standard_normal(outs).astype(np.float32)
    cotangents = generator.standard_normal((outs, LANES)).astype(np.float32)

    def layer(x: Tensor) -> Tensor:
        y = torch.from_numpy(weight).double() @ x + torch.from_numpy(bias).double()[:, None]
        return y.relu() if relu else y

    (got,) = _core.operation_gradient("linear", [x, weight, bias], cotangents, relu)
    (expected,) = autograd(layer, [x], cotangents)
    pre = weight.astype(np.float64) @ x + bias[:, None]
    clear = (np.abs(pre) > KINK).all(0)
    assert np.abs(got - expected)[:, clear].max() <= 1e-4 * np.abs(expected).max()


ONE = np.ones((1, 1), np.float32)
KINKS: list[tuple[str, list[float], list[float]]] = [
    ("relu", [0.0], [0.0]),
    ("relu", [-0.0], [0.0]),
    ("abs", [0.0], [0.0]),
    ("sign", [0.0], [0.0]),
    ("floor", [2.0], [0.0]),
    ("minimum", [1.5, 1.5], [0.5, 0.5]),
    ("maximum", [1.5, 1.5], [0.5, 0.5]),
    ("minimum", [1.0, 1.5], [1.0, 0.0]),
    ("maximum", [1.0, 1.5], [0.0, 1.0]),
    ("atan2", [0.0, 0.0], [0.0, 0.0]),
    ("pow", [0.0, 2.0], [0.0, 0.0]),
    ("pow", [0.0, 0.0], [0.0, 0.0]),
    ("pow", [-2.0, 3.0], [12.0, np.nan]),
    ("where", [1.0, 3.0, 4.0], [0.0, 1.0, 0.0]),
    ("where", [0.0, 3.0, 4.0], [0.0, 0.0, 1.0]),
    ("lt", [1.0, 1.0], [0.0, 0.0]),
]


@pytest.mark.parametrize(("name", "at", "expected"), KINKS)
def test_conventions_at_kinks(name: str, at: list[float], expected: list[float]) -> None:
    got = _core.operation_gradient(name, [np.full((1, 1), x, np.float32) for x in at], ONE)
    np.testing.assert_array_equal([g[0, 0] for g in got], np.float32(expected))


@pytest.mark.parametrize(("name", "at"), [("amax", [2.0, 2.0, 1.0]), ("amin", [-2.0, -2.0, 1.0])])
def test_equal_rows_of_a_reduction_share(name: str, at: list[float]) -> None:
    (got,) = _core.operation_gradient(name, [np.float32(at)[:, None]], ONE)
    assert got[:, 0].tolist() == [0.5, 0.5, 0.0]


def test_the_product_of_rows_with_zeros_has_a_gradient() -> None:
    (got,) = _core.operation_gradient("prod", [np.float32([2.0, 0.0, 3.0])[:, None]], ONE)
    assert got[:, 0].tolist() == [0.0, 6.0, 0.0]


def test_the_root_of_zero_is_steep_but_finite() -> None:
    (got,) = _core.operation_gradient("sqrt", [np.zeros((1, 1), np.float32)], ONE)
    assert 1e17 < got[0, 0] < np.inf


@pytest.mark.parametrize(
    ("name", "at"), [("sqrt", -1.0), ("sqrt", 0.0), ("log", 0.0), ("log", -1.0), ("exp", 1000.0), ("asin", 2.0)]
)
def test_what_is_not_selected_has_no_part(name: str, at: float) -> None:
    (got,) = _core.operation_gradient(name, [np.full((1, 1), at, np.float32)], 0 * ONE)
    assert got[0, 0] == 0.0


def test_gradients_refuse_wrong_operands() -> None:
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"unknown operation 'conv', see op_table\(\)"):
        _core.operation_gradient("conv", [x], x)
    with pytest.raises(ValueError, match="linear needs inputs, weight and bias, got 1 arrays"):
        _core.operation_gradient("linear", [x], x)
    with pytest.raises(ValueError, match="inputs must not be empty"):
        _core.operation_gradient("neg", [], x)
    with pytest.raises(ValueError, match=r"cotangents must have shape \[any, 4\], got \[2, 3\]"):
        _core.operation_gradient("neg", [np.zeros((2, 4), np.float32)], x)
