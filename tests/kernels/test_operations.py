"""Every row of the operation table against torch in float64: wide sweeps, dense ranges and edge values.

Errors are counted in ULP of the true result. Denormal numbers count as zero in the core (it flushes them), and so do they here.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from mbrl_fast import _core

Floats = NDArray[np.float32]
TINY = float(np.finfo(np.float32).tiny)
EDGES = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 2.0, 3.0, -3.0, np.inf, -np.inf, np.nan, 1e38, -1e38, 3.4e38, TINY, -TINY,
     1e-40, -1e-40, 8388607.5, 8388608.0, 1e10, -1e10, 88.0, 89.0, -88.0, -104.0, np.pi / 2, np.pi, 1e-5, 0.99999994, 1.0000001],
    np.float32,
)  # fmt: skip
ANYTHING = (-np.inf, np.inf)


@dataclass(frozen=True)
class Reference:
    """What an operation computes in torch (float64), and how far off it may be.

    Attributes:
        ulp: in units of the last place of the true result. Exact operations (0) keep the sign of zero, too.
        domain: on which numbers that holds.
        absolute: that much is always allowed.
    """

    function: Callable[..., Tensor]
    ulp: float
    domain: tuple[float, float] = ANYTHING
    absolute: float = 0.0


def truth(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A torch function of bools as 0.0 and 1.0."""
    return lambda *values: function(*values).double()


MAPS: dict[str, Reference] = {
    "copy": Reference(lambda x: x, 0),
    "neg": Reference(torch.neg, 0),
    "abs": Reference(torch.abs, 0),
    "sign": Reference(lambda x: torch.where(x.isnan(), x, torch.sign(x)), 0),
    "floor": Reference(torch.floor, 0),
    "ceil": Reference(torch.ceil, 0),
    "round": Reference(torch.round, 0),
    "trunc": Reference(torch.trunc, 0),
    "sqrt": Reference(torch.sqrt, 0.51),
    "exp": Reference(torch.exp, 2),
    "expm1": Reference(torch.expm1, 2),
    "log": Reference(torch.log, 2),
    "log1p": Reference(torch.log1p, 2),
    "sin": Reference(torch.sin, 2, (-1e6, 1e6)),
    "cos": Reference(torch.cos, 2, (-1e6, 1e6)),
    "tan": Reference(torch.tan, 4, (-1e6, 1e6)),
    "asin": Reference(torch.asin, 3),
    "acos": Reference(torch.acos, 2),
    "atan": Reference(torch.atan, 3),
    "tanh": Reference(torch.tanh, 2),
    "sigmoid": Reference(torch.sigmoid, 6),
    "silu": Reference(torch.nn.functional.silu, 6, absolute=2e-36),  # 0 where e^-x overflows
    "softplus": Reference(lambda x: torch.logaddexp(x, torch.zeros_like(x)), 6, absolute=2e-38),
    "erf": Reference(torch.erf, 2),
    "relu": Reference(torch.relu, 0),
    "isnan": Reference(truth(torch.isnan), 0),
    "logical_not": Reference(truth(torch.logical_not), 0),
    "add": Reference(torch.add, 0.51),
    "sub": Reference(torch.sub, 0.51),
    "mul": Reference(torch.mul, 0.51),
    "div": Reference(torch.div, 0.51),
    "minimum": Reference(torch.minimum, 0),
    "maximum": Reference(torch.maximum, 0),
    "pow": Reference(torch.pow, 200),
    "atan2": Reference(torch.atan2, 4),
    "fmod": Reference(torch.fmod, 0),
    "lt": Reference(truth(torch.lt), 0),
    "le": Reference(truth(torch.le), 0),
    "eq": Reference(truth(torch.eq), 0),
    "ne": Reference(truth(torch.ne), 0),
    "logical_and": Reference(truth(torch.logical_and), 0),
    "logical_or": Reference(truth(torch.logical_or), 0),
    "where": Reference(lambda c, a, b: torch.where(c != 0, a, b), 0),
    "fma": Reference(lambda a, b, c: a * b + c, 0.51),
}

REDUCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "sum": (lambda x: x.sum(0), "terms"),
    "prod": (lambda x: x.prod(0), "result"),
    "amax": (lambda x: x.amax(0), "exact"),
    "amin": (lambda x: x.amin(0), "exact"),
    "argmax": (lambda x: x.argmax(0).double(), "exact"),
    "argmin": (lambda x: x.argmin(0).double(), "exact"),
}
"""Of `[k, lanes]`, and what an error of k·2^-24 is relative to: the sum of the terms' magnitudes, or the result."""

TABLE = _core.op_table()
FUSED = _core.build_info()["isa"] != "baseline" or platform.machine() not in ("x86_64", "AMD64")


def named(kind: str) -> list[str]:
    """The core's operations of one kind."""
    return [row["name"] for row in TABLE if row["kind"] == kind]


def flushed(x: Floats) -> Floats:
    """Denormals as zeros of their sign."""
    return np.where(np.abs(x) < TINY, np.copysign(np.float32(0), x), x).astype(np.float32)


def sweep(count: int, seed: int) -> Floats:
    """All magnitudes (random bit patterns), and more of those that matter."""
    generator = np.random.default_rng(seed)
    bits = generator.integers(0, 2**32, count, dtype=np.uint32).view(np.float32)
    bits[np.isnan(bits)] = np.nan  # none that signal
    parts = [bits, generator.uniform(-20, 20, count), generator.uniform(-1.2, 1.2, count)]
    parts.append(generator.choice([-1.0, 1.0], count) * 10 ** generator.uniform(-12, 6, count))
    return np.concatenate([part.astype(np.float32) for part in parts])


def operands(arity: int, count: int) -> list[Floats]:
    """Sweeps, with every combination of edge values before them."""
    edges = np.meshgrid(*[EDGES] * arity)
    return [np.concatenate([edge.ravel(), sweep(count, seed)]) for seed, edge in enumerate(edges)]


def ulps(got: Floats, expected: NDArray[np.float64], absolute: float = 0.0) -> NDArray[np.float64]:
    """Error in units of the last place of what is expected; infinity counts as the number after the largest one."""
    beyond = 2.0**128
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.clip(got.astype(np.float64), -beyond, beyond)
        limited = np.clip(expected, -beyond, beyond)
        unit = 2.0 ** (np.maximum(np.floor(np.log2(np.abs(limited))), -126) - 23)
        error = np.abs(value - limited)
        error = np.where(error <= max(TINY, absolute), 0.0, error) / unit
    agree = (value == limited) | (np.isnan(got) & np.isnan(expected))
    return np.where(agree, 0.0, np.where(np.isnan(error), np.inf, error))


def torch_of(function: Callable[..., Tensor], *values: Floats) -> NDArray[np.float64]:
    """The function in float64."""
    result: NDArray[np.float64] = function(*(torch.from_numpy(value.astype(np.float64)) for value in values)).numpy()
    return result


def test_every_operation_of_the_table_has_a_reference() -> None:
    assert set(named("map")) == set(MAPS)
    assert set(named("reduce")) == set(REDUCTIONS)
    assert named("dot") == ["dot"]
    assert named("linear") == ["linear"]
    assert len(TABLE) == len(MAPS) + len(REDUCTIONS) + 2


@pytest.mark.parametrize("name", named("map"))
def test_map_agrees_with_torch_in_float64(name: str) -> None:
    if name == "fma" and not FUSED:
        pytest.skip("this instruction set rounds the product, too")
    reference = MAPS[name]
    arity = next(row["arity"] for row in TABLE if row["name"] == name)
    values = [flushed(value) for value in operands(arity, 20000)]
    low, high = reference.domain
    inside = np.all([(value >= low) & (value <= high) | ~np.isfinite(value) for value in values], axis=0)
    values = [value[inside] for value in values]
    got = _core.evaluate_op(name, [value[None] for value in values], 1)[0]
    expected = torch_of(reference.function, *values)
    error = ulps(got, expected, reference.absolute)
    worst = int(np.argmax(error))
    example = f"{name}({', '.join(str(value[worst]) for value in values)}) = {got[worst]}, torch says {expected[worst]}"
    assert error[worst] <= reference.ulp, f"{error[worst]:.3g} ULP: {example}"
    if reference.ulp == 0:
        zero = (got == 0) & (expected == 0)
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize("name", [name for name in named("map") if name not in ("copy", "neg", "abs", "where")])
def test_denormal_operands_count_as_zero(name: str) -> None:
    arity = next(row["arity"] for row in TABLE if row["name"] == name)
    tiny = np.array([[1e-40, -1e-40, 1e-38, 1e-45]], np.float32)
    others = [np.full_like(tiny, 0.75)] * (arity - 1)
    got = _core.evaluate_op(name, [tiny, *others], 1)
    # Where an operand is passed on as it is, it may also stay the denormal that it was.
    np.testing.assert_allclose(got, _core.evaluate_op(name, [flushed(tiny), *others], 1), rtol=0, atol=TINY)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_angles_beyond_float_precision_stay_close_and_then_become_nan(name: str) -> None:
    generator = np.random.default_rng(0)
    far = (generator.choice([-1.0, 1.0], 5000) * 10 ** generator.uniform(6, 9, 5000)).astype(np.float32)
    expected = torch_of(getattr(torch, name), far)
    assert np.abs(_core.evaluate_op(name, [far[None]], 1)[0] - expected).max() < 1e-6
    assert np.isnan(_core.evaluate_op(name, [np.array([[1e15, -1e15, 1e38]], np.float32)], 1)).all()


@pytest.mark.parametrize("inner", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("name", sorted(REDUCTIONS))
def test_reduction_agrees_with_torch_in_float64(name: str, inner: int) -> None:
    function, scale = REDUCTIONS[name]
    generator = np.random.default_rng(inner)
    outputs = 3
    rows = generator.standard_normal((outputs, inner, 1000)).astype(np.float32)
    rows[:, :, :200] = generator.choice([0.0, -0.0, 1.0, -1.0, 2.0, np.inf, -np.inf, np.nan], (outputs, inner, 200))
    got = _core.evaluate_op(name, [rows.reshape(outputs * inner, -1)], outputs)
    expected = np.stack([torch_of(function, rows[i]) for i in range(outputs)])
    with np.errstate(invalid="ignore"):
        magnitude = {"terms": np.abs(rows.astype(np.float64)).sum(1), "result": np.abs(expected), "exact": 0 * expected}[scale]
        close = np.abs(got - expected) <= inner * 2.0**-24 * magnitude
    assert (close | (got == expected) | (np.isnan(got) & np.isnan(expected))).all()


def test_sum_and_dot_take_a_start_value_and_run_in_ascending_order() -> None:
    rows = np.array([[1e8], [1.0], [-1e8], [1.0]], np.float32)
    ones = np.ones_like(rows)
    assert _core.evaluate_op("sum", [rows], 1).tolist() == [[1.0]]
    assert _core.evaluate_op("sum", [rows, np.array([[-1e8]], np.float32)], 1).tolist() == [[-1e8]]
    assert _core.evaluate_op("dot", [rows, ones], 1).tolist() == [[1.0]]
    assert _core.evaluate_op("dot", [rows, ones, np.array([[5.0]], np.float32)], 1).tolist() == [[9.0]]


@pytest.mark.parametrize(("outputs", "inner"), [(1, 1), (1, 5), (3, 4), (7, 64)])
def test_dot_agrees_with_torch_in_float64(outputs: int, inner: int) -> None:
    generator = np.random.default_rng(inner)
    a, b = generator.standard_normal((2, outputs * inner, 333)).astype(np.float32)
    start = generator.standard_normal((outputs, 333)).astype(np.float32)
    product = (a.astype(np.float64) * b).reshape(outputs, inner, -1)
    bound = (inner + 1) * 2.0**-24 * (np.abs(product).sum(1) + np.abs(start))
    assert (np.abs(_core.evaluate_op("dot", [a, b], outputs) - product.sum(1)) <= bound).all()
    assert (np.abs(_core.evaluate_op("dot", [a, b, start], outputs) - (product.sum(1) + start)) <= bound).all()


@pytest.mark.parametrize(("inputs", "outputs", "lanes"), [(1, 1, 1), (4, 64, 100), (64, 6, 100), (13, 25, 33), (200, 200, 7)])
def test_linear_agrees_with_torch_in_float64(inputs: int, outputs: int, lanes: int) -> None:
    generator = np.random.default_rng(inputs)
    x = generator.standard_normal((inputs, lanes)).astype(np.float32)
    weight = generator.standard_normal((outputs, inputs)).astype(np.float32)
    bias = generator.standard_normal(outputs).astype(np.float32)
    expected = torch.nn.functional.linear(*(torch.from_numpy(v).double() for v in (x.T, weight, bias))).T.numpy()
    bound = (inputs + 1) * 2.0**-24 * (np.abs(weight) @ np.abs(x) + np.abs(bias)[:, None])
    assert (np.abs(_core.evaluate_op("linear", [x, weight, bias], outputs) - expected) <= bound).all()


@pytest.mark.parametrize("name", [row["name"] for row in TABLE if row["kind"] != "linear"])
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_rows_and_lanes_are_independent(name: str, rows: int) -> None:
    row = next(row for row in TABLE if row["name"] == name)
    generator = np.random.default_rng(rows)
    inner = 1 if row["kind"] == "map" else 3
    values = [generator.uniform(0.1, 0.9, (rows * inner, 67)).astype(np.float32) for _ in range(row["arity"])]
    together = _core.evaluate_op(name, values, rows)
    assert together.shape == (rows, 67)
    for i in range(rows):
        part = [np.ascontiguousarray(value[i * inner : (i + 1) * inner]) for value in values]
        np.testing.assert_array_equal(_core.evaluate_op(name, part, 1)[0], together[i])
        alone = [np.ascontiguousarray(value[:, 66:]) for value in part]
        np.testing.assert_array_equal(_core.evaluate_op(name, alone, 1)[0], together[i, 66:])


def test_operations_refuse_wrong_operands() -> None:
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"unknown operation 'conv', see op_table\(\)"):
        _core.evaluate_op("conv", [x], 1)
    with pytest.raises(ValueError, match=r"\(add\) must have 2 operand lists, got 1"):
        _core.evaluate_op("add", [x], 2)
    with pytest.raises(ValueError, match=r"operand 0 must have 1 rows, got 2"):
        _core.evaluate_op("exp", [x], 1)
    with pytest.raises(ValueError, match=r"inputs must have shape \[any, 3\], got \[2, 4\]"):
        _core.evaluate_op("add", [x, np.zeros((2, 4), np.float32)], 2)
    with pytest.raises(ValueError, match="linear needs inputs, weight and bias, got 1 arrays"):
        _core.evaluate_op("linear", [x], 1)
    with pytest.raises(ValueError, match="inputs must not be empty"):
        _core.evaluate_op("add", [], 1)
    with pytest.raises(TypeError, match="inputs must be float32 or float64, got dtype int64"):
        _core.evaluate_op("neg", [np.zeros((1, 1), np.int64)], 1)


@pytest.mark.parametrize("outputs", [0, -1])
def test_an_operation_needs_outputs(outputs: int) -> None:
    with pytest.raises(ValueError, match=f"outputs must be >= 1, got {outputs}"):
        _core.evaluate_op("neg", [np.zeros((1, 1), np.float32)], outputs)


def test_no_lanes_give_no_results() -> None:
    assert _core.evaluate_op("neg", [np.zeros((2, 0), np.float32)], 2).shape == (2, 0)
