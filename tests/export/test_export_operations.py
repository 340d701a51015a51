"""Every operation of the table, exported and run by the core and by the interpreter, against torch in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from interpreter import Interpreter
from operations import ELEMENTWISE, SMOOTH, Function
from torch import Tensor

from mbrl_fast import _core
from mbrl_fast.export import ExportSpec, build, lower
from mbrl_fast.export.registry import RULES

SIZE = 12
EDGES = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, -2.5, 7.0, 20.0, -20.0, 100.0, -100.0, 1e-20, math.inf, -math.inf, math.nan]
used: set[str] = set()
groups_run: set[str] = set()


def groups(table: dict[str, Function], length: int) -> list[Any]:
    names = list(table)
    parts = [names[i : i + length] for i in range(0, len(names), length)]
    return [pytest.param(table, part, id=f"{part[0]} to {part[-1]}") for part in parts]


def joined(functions: list[Function], shape: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    """One function of `state [B, 2 * SIZE]` that returns all results side by side."""

    def policy(state: Tensor) -> Tensor:
        x, y = state.reshape(-1, 2, *shape).unbind(1)
        return torch.cat([function(x, y).reshape(len(state), -1).to(state) for function in functions], -1)

    return policy


def widths(functions: list[Function], shape: tuple[int, ...]) -> list[int]:
    x = torch.zeros(1, *shape)
    return [function(x, x).numel() for function in functions]


def exported(policy: Callable[[Tensor], Tensor], size: int) -> bytes:
    bound = np.ones(size, np.float32)
    spec = ExportSpec((lambda state, action: state,), {"policy": policy}, 2 * SIZE, size, 2 * SIZE, (), -bound, bound, 0.1, {
        "state_names": [], "action_names": [], "state_units": [], "action_units": []})  # fmt: skip
    return build(spec, check=False)


def reference(policy: Callable[[Tensor], Tensor], states: np.ndarray) -> np.ndarray:
    torch.set_default_dtype(torch.float64)
    try:
        return policy(torch.from_numpy(states.astype(np.float64))).numpy()
    finally:
        torch.set_default_dtype(torch.float32)


def wrong(got: np.ndarray, expected: np.ndarray, scale: Any) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        special = (np.isnan(got) & np.isnan(expected)) | (got.astype(np.float32) == expected.astype(np.float32))
        return ~(special | (np.abs(got - expected) <= 1e-5 * scale))


def check(names: list[str], sizes: list[int], got: np.ndarray, expected: np.ndarray, edges: bool) -> None:
    start = 0
    for name, size in zip(names, sizes, strict=True):
        a, b = got[:, start : start + size].astype(np.float64), expected[:, start : start + size]
        start += size
        scale = np.maximum(np.abs(b), 1.0) if edges else np.abs(b).max()
        bad = wrong(a, b, scale)
        assert not bad.any(), f"{name}: got {a[bad][:4]}, torch says {b[bad][:4]}"


@pytest.fixture(autouse=True)
def record_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    original = lower._call

    def recording(tools: Any, node: Any, values: Any) -> Any:
        used.add(str(node.target).removeprefix("aten."))
        return original(tools, node, values)

    monkeypatch.setattr(lower, "_call", recording)


@pytest.mark.parametrize(("table", "names"), [*groups(ELEMENTWISE, 40), *groups(SMOOTH, 40)])
def test_an_exported_operation_gives_torchs_numbers(table: dict[str, Function], names: list[str]) -> None:
    functions = [table[name] for name in names]
    policy, sizes = joined(functions, (3, 4)), widths(functions, (3, 4))
    data = exported(policy, sum(sizes))
    core, interpreter = _core.Problem(data), Interpreter(data)
    generator = np.random.default_rng(3)
    states = generator.standard_normal((65, 2 * SIZE)).astype(np.float32)
    expected = reference(policy, states)
    check(names, sizes, interpreter.evaluate("policy", {"state": states})["action"], expected, edges=False)
    check(names, sizes, core.evaluate("policy", {"state": states}, 0)["action"], expected, edges=False)
    if table is ELEMENTWISE:
        states = generator.choice(np.array(EDGES, np.float32), (64, 2 * SIZE))
        check(names, sizes, core.evaluate("policy", {"state": states}, 0)["action"], reference(policy, states), edges=True)
    groups_run.add(names[0])


def test_operations_of_many_ranks_and_candidate_axes_agree() -> None:
    """Broadcasting between ranks, with the candidates first, in the middle, last, and merged with a feature axis."""
    table: dict[str, Function] = {
        "rank 2 and 4": lambda x, y: x * y[:, :1, 0, :1].unsqueeze(-1) + x[:, 0, 0].unsqueeze(1).unsqueeze(1),
        "candidates in the middle": lambda x, y: (x.permute(1, 0, 2, 3) * y.permute(1, 0, 2, 3)).sum(0),
        "candidates last": lambda x, y: x.permute(1, 2, 3, 0).softmax(0).permute(3, 0, 1, 2),
        "candidates merged": lambda x, y: x.flatten(0, 1).amax(-1).reshape(len(x), 3, 2),
        "merged, scaled, split": lambda x, y: (x.reshape(-1, 4) @ torch.ones(4, 2).to(x)).reshape(len(x), 3, 2),
    }
    functions = list(table.values())
    policy, sizes = joined(functions, (3, 2, 2)), widths(functions, (3, 2, 2))
    data = exported(policy, sum(sizes))
    states = np.random.default_rng(4).standard_normal((33, 2 * SIZE)).astype(np.float32)
    got = _core.Problem(data).evaluate("policy", {"state": states}, 0)["action"]
    check(list(table), sizes, got, reference(policy, states), edges=False)


def test_every_rule_of_the_table_was_used() -> None:
    expected_groups = {part.values[1][0] for part in (*groups(ELEMENTWISE, 40), *groups(SMOOTH, 40))}
    if groups_run != expected_groups:
        pytest.skip("runs after all of the operations")
    unused = sorted(set(RULES) - used - ONLY_REFUSED_OR_TESTED_ELSEWHERE)
    assert not unused, " ".join(unused)


# Reductions over everything include the candidates: there are rules so that the refusal says just that.
ONLY_REFUSED_OR_TESTED_ELSEWHERE = {
    "sum.default", "mean.default", "prod.default", "max.default", "min.default", "any.default", "linalg_cholesky.default",
}  # fmt: skip
