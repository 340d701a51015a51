"""Every sampling planner in C++ against its twin in PyTorch, given the same noise: plan by plan, from moving states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported
from mbrl_fast import reference
from mbrl_fast.models import LTI
from mbrl_fast.planners import REGISTRY
from mbrl_fast.rewards import GoalDistance

GAP = 1e-5
"""Plans are compared as long as no choice among candidates hangs on a smaller difference of their returns."""

SHAPE: dict[str, Any] = {"horizon": 5, "steps_per_knot": 2, "population": 60, "iterations": 3, "seed": 5}
COMMON: dict[str, dict[str, Any]] = {
    "as it is": {},
    "cold": {"warm_start": False},
    "fresh, kept, coloured": {"warm_start": True, "fresh_fraction": 0.2, "keep_elites": 3, "noise_beta": 1.5},
    "rates": {"max_rate": (0.6, 0.3), "keep_elites": 2},
    "the mean rides": {"include_mean": True, "returns": "best", "discount": 0.9},
    "one knot": {"horizon": 1, "steps_per_knot": 6, "population": 24},
    "linear": {"interpolation": "linear", "keep_elites": 2, "include_mean": True},
    "cubic within rates": {"interpolation": "cubic", "max_rate": (0.6, 0.3), "fresh_fraction": 0.2},
    "rbf, coloured": {"interpolation": "rbf", "kernel_width": 0.7, "noise_beta": 1.5},
    "growing": {"knot_growth": 1.5, "steps_per_knot": 3, "keep_elites": 2, "returns": "best"},
    "growing cubic, calm": {"interpolation": "cubic", "knot_growth": 1.4, "action_rate_penalty": 0.1, "warm_start": True},
    "calm": {"action_rate_penalty": 0.1, "keep_elites": 2},
}
OWN: dict[str, dict[str, dict[str, Any]]] = {
    "cem": {
        "momentum": {"momentum": 0.3, "min_std": 0.1},
        "momentum on the variance": {"momentum": 0.3, "momentum_on": "variance"},
        "truncated": {"truncate": True, "fresh_fraction": 0.2, "keep_elites": 2, "noise_beta": 1.0},
        "the mean of kernels": {"interpolation": "rbf", "returns": "mean", "include_mean": False, "max_rate": 0.5},
        "a calm mean": {"action_rate_penalty": 0.2, "knot_growth": 1.3, "returns": "mean"},
        "truncated cubic": {"truncate": True, "interpolation": "cubic", "returns": "mean", "include_mean": False},
    },
    "icem": {
        "the paper's": {"horizon": 12, "steps_per_knot": 1, "population": 40, "elites": 10, "noise_beta": 3.0},
        "fast decay": {"decay": 3.0, "elites": 5, "iterations": 4, "keep_elites": 2},
        "no decay, no mean": {"decay": 1.0, "include_mean": False, "returns": "mean", "elites": 8},
    },
    "mppi": {
        "cold iron": {"temperature": 0.1},
        "warm": {"temperature": 30.0, "iterations": 1},
        "normalised": {"normalise": True, "temperature": 0.2},
        "control cost": {"control_cost": 0.7, "temperature": 0.5, "init_std": 0.4},
        "elites": {"elites": 12, "refit_std": True, "min_std": 0.05, "init_std": 1.5},
        "refitted std of all": {"refit_std": True, "temperature": 0.3, "min_std": 0.2},
        "smooth": {"smooth": True, "smoothness": 0.3, "init_std": 0.3},
        "smooth, everything": {
            "smooth": True, "smoothness": 0.1, "control_cost": 1.0, "normalise": True, "iterations": 2, "keep_elites": 2,
            "init_std": 0.4, "temperature": 0.4,
        },
        "smooth within rates": {"smooth": True, "max_rate": 0.5, "horizon": 8},
        "smooth rbf": {"smooth": True, "smoothness": 0.3, "init_std": 0.3, "interpolation": "rbf"},
        "a kernel's": {"interpolation": "rbf", "kernel_width": 0.5, "normalise": True, "temperature": 0.3},
    },
    "random_shooting": {
        "gaussian": {"distribution": "gaussian", "init_std": 0.7},
        "uniform in time": {"noise_beta": 2.0, "iterations": 1},
    },
    "predictive_sampling": {"one iteration": {"population": 10, "iterations": 1}},
}  # fmt: skip
CASES = [(name, case) for name in OWN for case in (*COMMON, *OWN[name])]


class Recording:
    """Makes a twin that remembers the candidates it evaluated and their returns."""

    seen: list[tuple[Tensor, Tensor]]

    def returns(self, state: Tensor, actions: Tensor, **inputs: Tensor) -> Tensor:
        result: Tensor = super().returns(state, actions, **inputs)  # type: ignore[misc]
        self.seen.append((actions.clone(), result))
        return result


def pair(name: str, exported: Exported, **settings: Any) -> tuple[Any, Any]:
    """A planner and its twin, with the settings of the planner."""
    planner = REGISTRY[name](exported.problem, **settings)
    kind = getattr(reference, type(planner).__name__)
    values = {key: getattr(planner.settings, key) for key in kind.DEFAULTS if key != "dt"}
    problem = exported.problem
    twin = type("Recording", (Recording, kind), {})(
        exported.dynamics, exported.reward, problem.action_low, problem.action_high, noise=mf.noise, dt=problem.dt, **values
    )
    return planner, twin


def close_call(planner: Any, returns: Tensor) -> bool:
    """Whether a choice among these candidates hangs on rounding."""
    s, ordered = planner.settings, torch.sort(returns, descending=True).values
    weighs = isinstance(planner, mf.MPPI) and s.returns == "mean"
    ranks = {int(not weighs), *range(1, s.keep_elites + 1), getattr(s, "elites", 0)} - {0}
    return any(rank < len(ordered) and float(ordered[rank - 1] - ordered[rank]) <= GAP for rank in ranks)


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}: {case}" for name, case in CASES])
def test_plans_as_its_twin(name: str, case: str, small: Exported) -> None:
    compare(name, {**SHAPE, **COMMON.get(case, {}), **OWN[name].get(case, {})}, small)


@pytest.mark.parametrize("objective", [("mean", 0.0), ("mean_std", -1.5), ("worst", 0.0), ("cvar", 0.5)], ids=lambda o: o[0])
@pytest.mark.parametrize("name", sorted(OWN))
def test_plans_as_its_twin_on_an_ensemble(name: str, objective: tuple[str, float], ensemble: Exported) -> None:
    settings = {**SHAPE, "keep_elites": 2, "warm_start": True, "objective": objective[0], "risk": objective[1]}
    compare(name, settings, ensemble)


@pytest.mark.parametrize("propagation", ["ts_inf", "ts1"])
@pytest.mark.parametrize("name", sorted(OWN))
def test_plans_as_its_twin_with_particles(name: str, propagation: str) -> None:
    torch.manual_seed(3)
    members = [Noisy() for _ in range(2)]
    goal_distance = GoalDistance()
    problem = mf.export(
        members, goal_distance, state_size=6, action_size=2, inputs={"goal": 6}, action_low=-1, action_high=1, dt=0.2
    )
    settings = {**SHAPE, "keep_elites": 2, "warm_start": True, "particles": 4, "propagation": propagation}
    compare(name, settings, Exported(problem, members, goal_distance))


class Noisy(nn.Module):
    """Says a standard deviation, too."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.spread = LTI(hidden_size=8), nn.Linear(8, 6)

    def forward(self, state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean(state, action), 0.05 * torch.sigmoid(self.spread(torch.cat([state, action], -1)))


def compare(name: str, settings: dict[str, Any], exported: Exported) -> None:
    planner, twin = pair(name, exported, **settings)
    compared = 0
    for step in range(4):
        state = STATE + 0.03 * step
        twin.seen = []
        plan, expected = planner.plan(state, goal=GOAL), twin.plan(state, goal=GOAL)
        if any(close_call(planner, returns) for _, returns in twin.seen[:-1]):
            break  # from here on they may rightly differ
        compared += 1
        np.testing.assert_allclose(plan.actions, expected.actions.numpy(), rtol=0, atol=2e-5)
        assert plan.value == pytest.approx(expected.value, rel=1e-5, abs=1e-5)
    assert compared >= 1


def test_every_registered_sampling_planner_is_compared() -> None:
    assert set(OWN) == {name for name, kind in REGISTRY.items() if issubclass(kind, mf.planners.SamplingPlanner)}


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_setting_of_the_twin_is_one_of_the_planner(name: str) -> None:
    kind = getattr(reference, REGISTRY[name].__name__)
    assert set(kind.DEFAULTS) - {"dt"} <= set(REGISTRY[name].settings_type.__dataclass_fields__)
