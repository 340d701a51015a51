"""Objectives over the members of an ensemble, against NumPy on the returns of each member alone. Particles: test_particles.py."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported, export_lti
from mbrl_fast.reference import cem_variants

SEEDS = [0, 1, 2, 3, 4]
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def five() -> Exported:
    """Five networks."""
    return export_lti(SEEDS)


@pytest.fixture(scope="module")
def alone(five: Exported) -> Callable[..., Floats]:
    """The returns [5, N] of each member alone."""
    singles = [export_lti([seed]).problem for seed in SEEDS]

    def returns(actions: Any, **options: Any) -> Floats:
        return np.stack([single.rollout(STATE, actions, goal=GOAL, **options) for single in singles]).astype(np.float64)

    return returns


def candidates(count: int = 200) -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(-1, 0.5, (count, 5, 2)).astype(np.float32)


def cvar(returns: Floats, share: float) -> Floats:
    """The mean of the worst share: the integral of the quantile function up to it, member by member."""
    ordered, members = np.sort(returns, axis=0), len(returns)
    begins = np.arange(members) / members
    overlap = np.clip(share - begins, 0.0, 1.0 / members)
    return np.asarray((overlap[:, None] * ordered).sum(0) / share)


CASES: dict[str, tuple[str, float, Callable[[Floats], Any]]] = {
    "mean": ("mean", 0.0, lambda r: r.mean(0)),
    "mean - 2 std": ("mean_std", -2.0, lambda r: r.mean(0) - 2 * r.std(0)),
    "mean + std / 2": ("mean_std", 0.5, lambda r: r.mean(0) + 0.5 * r.std(0)),
    "mean - 2 std between": ("mean_between", -2.0, lambda r: r.mean(0) - 2 * r.std(0)),
    "mean + 3 std within": ("mean_within", 3.0, lambda r: r.mean(0)),  # each member has one return: no spread
    "entropic, cautious": ("entropic", -0.5, lambda r: -2.0 * np.log(np.exp(-0.5 * r).mean(0))),
    "entropic, bold": ("entropic", 2.0, lambda r: 0.5 * np.log(np.exp(2.0 * r).mean(0))),
    "worst": ("worst", 0.0, lambda r: r.min(0)),
    **{f"cvar {share}": ("cvar", share, lambda r, share=share: cvar(r, share)) for share in (0.05, 0.2, 0.3, 0.5, 0.87, 1.0)},
}


@pytest.mark.parametrize("name", CASES)
def test_objectives_are_numpys_on_the_members_alone(name: str, five: Exported, alone: Callable[..., Floats]) -> None:
    objective, risk, expected = CASES[name]
    actions = candidates()
    for options in ({}, {"steps_per_knot": 3, "discount": 0.9}):
        members = alone(actions, **options)
        got = five.problem.rollout(STATE, actions, goal=GOAL, objective=objective, risk=risk, **options)
        np.testing.assert_allclose(got, expected(members), rtol=2e-6, atol=1e-6)
        twin = cem_variants.objective(torch.from_numpy(members), objective, risk)
        np.testing.assert_allclose(got, twin.numpy(), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_threads_populations_and_calls_do_not_change_a_bit(name: str, five: Exported) -> None:
    objective, risk, _ = CASES[name]
    options: dict[str, Any] = {"goal": GOAL, "objective": objective, "risk": risk}
    actions = candidates(203)
    expected = five.problem.rollout(STATE, actions, **options)
    for threads in (2, 5):
        np.testing.assert_array_equal(five.problem.rollout(STATE, actions, threads=threads, **options), expected)
    np.testing.assert_array_equal(five.problem.rollout(STATE, actions[:37], **options), expected[:37])  # in the memory of 203
    np.testing.assert_array_equal(five.problem.rollout(STATE, actions, **options), expected)


def test_the_mean_is_the_default(five: Exported) -> None:
    actions = candidates()
    plain = five.problem.rollout(STATE, actions, goal=GOAL)
    np.testing.assert_array_equal(five.problem.rollout(STATE, actions, goal=GOAL, objective="mean", risk=0.0), plain)


def test_keep_leaves_those_that_cannot_be_among_the_best(five: Exported) -> None:
    actions = candidates(2000)
    for objective, risk in (
        ("mean", 0.0),
        ("worst", 0.0),
        ("cvar", 0.4),
        ("mean_std", -1.0),
        ("mean_std", 1.0),
        ("entropic", -1.0),
    ):
        options: dict[str, Any] = {"goal": GOAL, "steps_per_knot": 5, "objective": objective, "risk": risk}
        whole, kept = (five.problem.rollout(STATE, actions, keep=keep, **options) for keep in (0, 20))
        left = np.isneginf(kept)
        assert left.any() == (risk <= 0.5), "a bold objective may exceed the mean, which is what is bounded"
        np.testing.assert_array_equal(kept[~left], whole[~left])
        assert set(np.argsort(-kept)[:20]) == set(np.argsort(-whole)[:20])


@pytest.mark.parametrize("name", CASES)
def test_a_candidate_that_is_not_finite_under_one_member_is_not_finite(name: str) -> None:
    class Shift(nn.Module):
        def __init__(self, shift: float) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.tensor(shift))

        def forward(self, state: Tensor, action: Tensor) -> Tensor:
            return state * 0.0 + action + self.shift

    def root(next_state: Tensor) -> Tensor:
        return torch.sqrt(next_state[:, 0])

    members = [Shift(shift) for shift in (0.25, 0.5, 1.0)]
    problem = mf.export(members, root, state_size=1, action_size=1, action_low=-1, action_high=1, dt=0.1)
    objective, risk, _ = CASES[name]
    returns = problem.rollout([0.0], np.array([[[-0.3]], [[0.3]]], np.float32), objective=objective, risk=risk)
    assert not np.isfinite(returns[0])
    assert np.isfinite(returns[1])


def test_planners_take_an_objective_and_answer_with_its_value(five: Exported) -> None:
    for objective, risk in (("worst", 0.0), ("cvar", 0.4), ("mean_std", -1.0)):
        planner = mf.CEM(five.problem, objective=objective, risk=risk)
        plan = planner.plan(STATE, goal=GOAL)
        options: dict[str, Any] = {"steps_per_knot": 5, "objective": objective, "risk": risk}
        assert plan.value == five.problem.rollout(STATE, plan.actions[None], goal=GOAL, **options)[0]
        other = mf.CEM(five.problem).plan(STATE, goal=GOAL)
        assert plan.value > five.problem.rollout(STATE, other.actions[None], goal=GOAL, **options)[0] - 1e-3
        again = mf.replay(planner.snapshot())
        assert again.same
        assert again.planner.settings == planner.settings


def test_wrong_objectives_are_named(five: Exported) -> None:
    words = "'mean', 'mean_std', 'mean_within', 'mean_between', 'worst', 'cvar' or 'entropic'"
    with pytest.raises(ValueError, match=rf"^objective must be {words}, got 'median'$"):
        five.problem.rollout(STATE, candidates(), goal=GOAL, objective="median")
    with pytest.raises(ValueError, match=rf"^objective must be {words}, got 'median'$"):
        mf.CEM(five.problem, objective="median")
    with pytest.raises(ValueError, match=r"^risk must be in \(0, 1\] for objective cvar, got 0$"):
        mf.CEM(five.problem, objective="cvar")
    with pytest.raises(ValueError, match=r"^risk must be 0 for the objectives mean and worst, which have none, got 2$"):
        five.problem.rollout(STATE, candidates(), goal=GOAL, risk=2.0)
    with pytest.raises(ValueError, match=r"^risk must be finite and not 0 for objective entropic, got 0$"):
        mf.CEM(five.problem, objective="entropic")
    with pytest.raises(ValueError, match=r"^keep must be >= 0, got -1$"):
        five.problem.rollout(STATE, candidates(), goal=GOAL, keep=-1)


def test_what_a_call_leaves_behind_changes_no_other(five: Exported) -> None:
    """Starts for each candidate, states, inputs, previous actions and shapes, in turn on the same held memory."""
    rng = np.random.default_rng(0)
    starts = (STATE + 0.1 * rng.standard_normal((50, 6))).astype(np.float32)
    calls: list[dict[str, Any]] = [
        {"state": STATE, "actions": candidates(50)},
        {"state": starts, "actions": candidates(50), "return_states": True},
        {"state": STATE, "actions": candidates(20), "return_states": True},
        {"state": STATE, "actions": candidates(300), "previous_action": np.ones(2, np.float32)},
        {"state": starts[:20], "actions": candidates(20), "goal": -GOAL},
        *({"state": STATE, "actions": candidates(30), "steps_per_knot": n} for n in range(1, 8)),
    ]

    def run(problem: mf.Problem, call: dict[str, Any]) -> list[bytes]:
        result = problem.rollout(**{"goal": GOAL, **call})
        return [each.tobytes() for each in (result if isinstance(result, tuple) else (result,))]

    expected = [run(mf.Problem(five.problem.bytes), call) for call in calls]
    shared = mf.Problem(five.problem.bytes)
    for at in rng.integers(0, len(calls), 60):
        assert run(shared, calls[at]) == expected[at]
    with ThreadPoolExecutor(4) as threads:
        many = [int(at) for at in rng.integers(0, len(calls), 100)]
        assert list(threads.map(lambda at: run(shared, calls[at]), many)) == [expected[at] for at in many]


def test_a_held_rollout_takes_new_weights() -> None:
    problem, other = export_lti([0]).problem, export_lti([1]).problem
    before, expected = (each.rollout(STATE, candidates(), goal=GOAL) for each in (problem, other))
    problem.update_weights(other)
    after = problem.rollout(STATE, candidates(), goal=GOAL)
    np.testing.assert_array_equal(after, expected)
    assert not np.array_equal(after, before)
