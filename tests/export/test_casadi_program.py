"""Every operation as CasADi sees it against the core's own, and whole models with their derivatives."""

from __future__ import annotations

import itertools
from typing import Any

import casadi
import numpy as np
import pytest
import torch
from operations import ELEMENTWISE, SMOOTH
from test_export_operations import SIZE, exported, joined, widths

import mbrl_fast as mf
from conftest import Exported
from mbrl_fast import _core
from mbrl_fast.models import Bicycle
from mbrl_fast.planners.casadi_program import REFUSED, STEPS, _run, kinks, translate
from mbrl_fast.rewards import GoalDistance

MANY = {
    "gelu",
    "mish",
    "hypot",
    "clamp",
    "where",
    "matmul",
    "einsum",
    "attention",
    "layer_norm",
    "linear",
    "outer",
    "huber",
    "atan2",
    "frac",
    "lerp",
    "interpolation",
    "cross",
}
"""Functions of torch's that become many operations."""
TABLE = {row["name"]: row for row in _core.op_table()}
DOMAIN: dict[str, Any] = {"sqrt": np.abs, "log": np.abs, "log1p": np.abs, "pow": np.abs, "asin": np.tanh, "acos": np.tanh}


def translated(name: str, operands: list[np.ndarray], outputs: int, eps: float = 0.0) -> np.ndarray:
    """One instruction on operands [rows, lanes] -> [outputs, lanes]."""
    symbols = [casadi.SX.sym("x", len(each)) for each in operands]
    rows = [row for symbol in symbols for row in casadi.vertsplit(symbol)]
    starts = np.cumsum([0] + [len(each) for each in operands])
    ids = [list(range(a, b)) for a, b in itertools.pairwise(starts)]
    results = _run(casadi, {"op": name, "in": ids, "out": list(range(outputs))}, rows, {}, eps)
    function = casadi.Function("f", symbols, [casadi.vertcat(*results)])
    lanes = [np.asarray(function(*[each[:, i].astype(float) for each in operands])) for i in range(operands[0].shape[1])]
    return np.concatenate(lanes, 1)


@pytest.mark.parametrize("name", sorted(set(TABLE) - {"linear"}))
def test_an_operation_gives_the_cores_numbers_or_is_refused_by_name(name: str) -> None:
    generator = np.random.default_rng(1)
    row, outputs = TABLE[name], 3
    count = outputs if row["kind"] == "map" else 4 * outputs
    operands = [generator.normal(size=(count, 64)).astype(np.float32) * 2 for _ in range(row["arity"])]
    operands = [DOMAIN.get(name, lambda x: x)(each) for each in operands]
    operands[0][:, :7] = np.array([0.5, 1.5, 2.5, 0.0, 1.0, 0.25, 0.75], np.float32) * (0.5 if name in ("asin", "acos") else 1.0)
    if name in ("eq", "ne", "logical_and", "logical_or", "where"):
        operands[-1][:, ::2] = operands[0][:, ::2]
        operands[0][:, 5] = 0.0
    if name in REFUSED:
        with pytest.raises(ValueError, match=f"^operation {name} has no smooth counterpart in CasADi: "):
            translated(name, operands, outputs)
        return
    with np.errstate(divide="ignore"):
        expected, got = _core.evaluate_op(name, operands, outputs), translated(name, operands, outputs)
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["sum", "dot"])
def test_a_start_value_is_added(name: str) -> None:
    generator = np.random.default_rng(2)
    operands = [generator.normal(size=(6, 5)) for _ in range(TABLE[name]["arity"])]
    start = generator.normal(size=(2, 5))
    expected = translated(name, operands, 2) + start
    np.testing.assert_allclose(translated(name, [*operands, start], 2), expected, rtol=1e-12)


def test_what_torch_has_is_translated() -> None:
    chosen = {name: function for name, function in {**ELEMENTWISE, **SMOOTH}.items() if name in MANY}
    assert set(chosen) == MANY
    functions = list(chosen.values())
    policy, sizes = joined(functions, (3, 4)), widths(functions, (3, 4))
    problem = mf.Problem(exported(policy, sum(sizes)))
    function = translate(problem, "policy")
    states = np.random.default_rng(3).standard_normal((8, 2 * SIZE)).astype(np.float32)
    expected = problem.evaluate("policy", {"state": states})["action"]
    got = np.stack([np.asarray(function(state.astype(float))).reshape(-1) for state in states])
    start = 0
    for name, size in zip(chosen, sizes, strict=True):
        part = slice(start, start + size)
        scale = np.abs(expected[:, part]).max()
        np.testing.assert_allclose(got[:, part], expected[:, part], rtol=0, atol=2e-5 * max(scale, 1.0), err_msg=name)
        start += size


class Network(torch.nn.Module):
    """Two hidden layers of each activation that networks have."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(8, 16), torch.nn.SiLU(), torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.LayerNorm(16),
            torch.nn.Linear(16, 16), torch.nn.Softplus(), torch.nn.Linear(16, 6), torch.nn.Tanh(),
        )  # fmt: skip

    def forward(self, state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """[B, 6], [B, 2] → [B, 6]."""
        return state + 0.1 * self.layers(torch.cat([state, action], -1))


@pytest.mark.parametrize("model", ["lti", "ensemble", "bicycle", "network"])
def test_a_model_steps_as_the_core_does(model: str, small: Exported, ensemble: Exported) -> None:
    sizes: dict[str, Any] = {
        "state_size": 6,
        "action_size": 2,
        "inputs": {"goal": 6},
        "action_low": -1,
        "action_high": 1,
        "dt": 0.2,
    }
    known = {"lti": small.problem, "ensemble": ensemble.problem}
    modules = {"bicycle": Bicycle, "network": Network}
    problem = known[model] if model in known else mf.export(modules[model](), GoalDistance(), **sizes)
    generator = np.random.default_rng(5)
    states, goal = generator.normal(size=(9, 6)).astype(np.float32), generator.normal(size=6).astype(np.float32)
    actions = generator.uniform(-1, 1, (9, 2)).astype(np.float32)
    for member in range(problem.members):
        next_states, rewards = problem.step(states, actions, member=member, goal=goal)
        step = translate(problem, "step", member)
        for i in range(9):
            given = {"state": states[i], "action": actions[i], "goal": goal}
            got = step.call({name: given[name].astype(float) for name in step.name_in()})
            np.testing.assert_allclose(np.asarray(got["next_state"])[:, 0], next_states[i], rtol=0, atol=1e-5)
            assert float(got["reward"]) == pytest.approx(float(rewards[i]), abs=1e-5)


def test_smoothing_bends_the_reward_and_leaves_the_dynamics(small: Exported) -> None:
    exact, smooth = translate(small.problem), translate(small.problem, smoothing=0.01)
    goal = np.array([0.1, -0.05, 0.0, 0.0, 1.0, 0.0])
    given = {"state": goal, "action": np.zeros(2), "goal": goal}
    one, other = exact.call(given), smooth.call(given)
    assert np.array_equal(np.asarray(one["next_state"]), np.asarray(other["next_state"]))
    assert 0 < abs(float(one["reward"]) - float(other["reward"])) < 0.15
    goal_now = casadi.SX.sym("goal", 6)
    reward = smooth.call({"state": goal, "action": np.zeros(2), "goal": goal_now})["reward"]
    slope = casadi.Function("slope", [goal_now], [casadi.gradient(reward, goal_now)])
    at = np.asarray(one["next_state"]).reshape(-1)
    assert np.isfinite(np.asarray(slope(at))).all()
    assert np.abs(np.asarray(slope(at))).max() < 1e-6  # the smooth reward is flat at its best


def test_a_reward_that_jumps_is_named_and_one_that_cannot_be_said_is_refused(small: Exported) -> None:
    assert kinks(small.problem) == ()
    sizes: dict[str, Any] = {"state_size": 6, "action_size": 2, "action_low": -1, "action_high": 1, "dt": 0.2}

    def stepped(next_state: torch.Tensor) -> torch.Tensor:
        return torch.where(next_state[:, 0] < 0.5, next_state[:, 1].floor(), next_state[:, 2])

    def chosen(next_state: torch.Tensor) -> torch.Tensor:
        return next_state.argmax(-1).float()

    def dynamics(state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return state + action.sum(-1, keepdim=True)

    assert {"floor", "lt", "where"} <= set(kinks(mf.export(dynamics, stepped, **sizes))) <= STEPS
    problem = mf.export(dynamics, chosen, **sizes)
    with pytest.raises(ValueError, match=r"^operation argmax has no smooth counterpart in CasADi: an index has no derivative$"):
        translate(problem)


def test_wrong_arguments_are_named(ensemble: Exported) -> None:
    with pytest.raises(ValueError, match=r"^member must be in 0\.\.2, got 3$"):
        translate(ensemble.problem, member=3)
    with pytest.raises(ValueError, match="smoothing must be finite and not negative, got -1"):
        translate(ensemble.problem, smoothing=-1)
    with pytest.raises(ValueError, match="no policy"):
        translate(ensemble.problem, "policy")
