"""iLQR: exact where the problem is linear-quadratic, equal to its twin elsewhere, never worse than what it starts from."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported, export_lti
from mbrl_fast.reference.ilqr import ILQR as Twin

A = torch.tensor([[1.0, 0.1, 0.0], [0.0, 1.0, 0.1], [-0.05, 0.0, 0.95]])
B = torch.tensor([[0.0, 0.02], [0.1, 0.0], [0.0, 0.1]])
START = np.array([1.0, -0.5, 0.3], np.float32)


def linear(state: Tensor, action: Tensor) -> Tensor:
    return state @ A.mT.to(state) + action @ B.mT.to(state)


def quadratic(state: Tensor, action: Tensor) -> Tensor:
    return -(state * state * torch.tensor([1.0, 0.5, 0.2]).to(state)).sum(-1) - 0.1 * (action * action).sum(-1)


def lq_problem(bound: float, **more: Any) -> mf.Problem:
    return mf.export(linear, quadratic, state_size=3, action_size=2, action_low=-bound, action_high=bound, dt=0.1, **more)


def riccati(horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Optimal actions [H, 2] and gains [H, 2, 3] without bounds, by the textbook's recursion."""
    a, b = A.double().numpy(), B.double().numpy()
    q, r = np.diag([1.0, 0.5, 0.2]), 0.1 * np.eye(2)
    value, gains = np.zeros((3, 3)), []
    for _ in range(horizon):
        gain = -np.linalg.solve(r + b.T @ value @ b, b.T @ value @ a)
        value = q + a.T @ value @ (a + b @ gain)
        gains.append(gain)
    gains.reverse()
    state, actions = START.astype(np.float64), []
    for gain in gains:
        actions.append(gain @ state)
        state = a @ state + b @ actions[-1]
    return np.array(actions), np.array(gains)


def test_a_linear_quadratic_problem_is_solved_by_riccatis_gains() -> None:
    plan = mf.ILQR(lq_problem(10.0), horizon=20).plan(START)
    actions, gains = riccati(20)
    assert plan.status == "ok"
    np.testing.assert_allclose(plan.actions, actions, rtol=0, atol=2e-4)
    assert plan.gains is not None
    np.testing.assert_allclose(plan.gains, gains, rtol=0, atol=1e-4)


@pytest.mark.parametrize("bound", [0.2, 0.6])
def test_bounds_are_part_of_the_solution(bound: float) -> None:
    """Better than the clipped unbounded solution, and as good as the twin's."""
    problem = lq_problem(bound)
    plan = mf.ILQR(problem, horizon=20, iterations=30, tolerance=1e-7).plan(START)
    clipped = np.clip(riccati(20)[0], -bound, bound).astype(np.float32)
    assert (np.abs(plan.actions) == np.float32(bound)).any()
    assert plan.value > problem.rollout(START, clipped[None])[0] + 1e-4
    twin = Twin([linear], quadratic, [-bound] * 2, [bound] * 2, horizon=20, iterations=30, tolerance=1e-7)
    expected = twin.plan(START)
    assert plan.value == pytest.approx(expected.value, rel=1e-5)
    np.testing.assert_allclose(plan.actions, expected.actions, rtol=0, atol=5e-3)


class Bent(nn.Module):
    """A smooth system that is not linear."""

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        moved = linear(state, action)
        return moved + 0.05 * torch.sin(3 * moved) * (1 + action.sum(-1, keepdim=True))


def test_a_bent_system_converges_as_the_twin_does() -> None:
    problem = mf.export(Bent(), quadratic, state_size=3, action_size=2, action_low=-1.0, action_high=1.0, dt=0.1)
    settings = {"horizon": 15, "iterations": 40, "tolerance": 1e-7}
    plan = mf.ILQR(problem, **settings).plan(START)
    expected = Twin([Bent()], quadratic, [-1, -1], [1, 1], **settings).plan(START)
    assert plan.value == pytest.approx(expected.value, rel=1e-4)
    np.testing.assert_allclose(plan.actions, expected.actions, rtol=0, atol=2e-2)


def test_held_knots_are_solved_as_one_decision() -> None:
    """Against brute force: the gradient of the return by the knots vanishes."""
    problem = lq_problem(10.0)
    plan = mf.ILQR(problem, horizon=4, steps_per_knot=5, iterations=20, tolerance=1e-7).plan(START)
    _, slope = problem.gradient(START, plan.actions[None], steps_per_knot=5)
    assert np.abs(slope).max() < 2e-3


def test_a_price_on_changes_is_part_of_the_solution() -> None:
    def smooth(state: Tensor, action: Tensor, previous_action: Tensor) -> Tensor:
        return quadratic(state, action) - ((action - previous_action) * (action - previous_action)).sum(-1)

    problem = mf.export(linear, smooth, state_size=3, action_size=2, action_low=-10.0, action_high=10.0, dt=0.1)
    before = np.array([0.7, -0.7], np.float32)
    plan = mf.ILQR(problem, horizon=12, iterations=20, tolerance=1e-7).plan(START, previous_action=before)
    _, slope = problem.gradient(START, plan.actions[None], previous_action=before)
    # (a − b)² is a product of equal rows: its curvature by a and by b is known, so one step is exact
    assert np.abs(slope).max() < 5e-3


@pytest.mark.parametrize("seeds", [[0], [1, 2, 3]], ids=["single", "ensemble"])
def test_the_distance_to_a_goal_shrinks_though_it_is_concave(seeds: list[int]) -> None:
    exported = export_lti(seeds)
    planner = mf.ILQR(exported.problem, horizon=20, iterations=20)
    middle = exported.problem.rollout(STATE, np.zeros((1, 20, 2), np.float32), goal=GOAL)[0]
    plan = planner.plan(STATE, goal=GOAL)
    assert plan.value > middle + 0.02 * abs(middle)
    again = exported.problem.rollout(STATE, plan.actions[None], goal=GOAL)[0]
    assert plan.value == pytest.approx(again, rel=1e-5)


class Push(nn.Module):
    """Moves by so much of the action."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor([gain]))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        return state + self.gain * action


def pushed(*gains: float) -> mf.Problem:
    """Be at one after every step."""

    def near_one(next_state: Tensor) -> Tensor:
        return -(next_state[:, 0] - 1.0).square()

    sizes: dict[str, Any] = {"state_size": 1, "action_size": 1, "action_low": -2.0, "action_high": 2.0, "dt": 1.0}
    return mf.export([Push(gain) for gain in gains] if len(gains) > 1 else Push(gains[0]), near_one, **sizes)


def test_of_an_ensemble_the_change_is_that_of_the_mean_system() -> None:
    """With x' = x + b·u from zero: J = Σ E(b·u₀ - 1)² + E(x̄ + b·u₁ - 1)² with x̄ = E(b)·u₀, where the true return has b·u₀ too."""
    gains = np.array([0.2, 1.8])
    problem, first, second = pushed(*gains.tolist()), gains.mean(), np.square(gains).mean()
    mean_systems = np.linalg.solve([[second + first**2, first**2], [first**2, second]], [2 * first, first])
    plan = mf.ILQR(problem, horizon=2, iterations=1).plan([0.0])
    np.testing.assert_allclose(plan.actions[:, 0], mean_systems, rtol=0, atol=1e-4)
    # along one step there is nothing that could have come apart
    one = mf.ILQR(problem, horizon=1, iterations=1).plan([0.0])
    assert one.action[0] == pytest.approx(first / second, abs=1e-4)
    best = -2 * (1 - first**2 / second)
    more = mf.ILQR(problem, horizon=2, iterations=20).plan([0.0])
    assert plan.value <= more.value <= best + 1e-6
    assert more.value == pytest.approx(problem.rollout([0.0], more.actions[None])[0], rel=1e-6)


def test_an_ensemble_of_equals_is_planned_on_as_one_of_them() -> None:
    one, equals = (mf.ILQR(pushed(*gains), horizon=4).plan([0.3]) for gains in ([0.7], [0.7] * 3))
    np.testing.assert_allclose(equals.actions, one.actions, rtol=0, atol=1e-6)


def test_it_is_never_worse_than_a_candidate(small: Exported) -> None:
    best = mf.CEM(small.problem, horizon=12, steps_per_knot=1, population=300).plan(STATE, goal=GOAL)
    plan = mf.ILQR(small.problem, horizon=12).plan(STATE, goal=GOAL, candidates=best.actions[None])
    assert plan.value >= best.value


def test_gains_answer_to_the_state_between_two_plans() -> None:
    """Executed against a disturbance, actions with feedback cost less than the plan alone."""
    problem = lq_problem(10.0)
    plan = mf.ILQR(problem, horizon=20).plan(START)
    totals = []
    for feedback in (False, True):
        state, total = START + np.float32([0.3, -0.2, 0.1]), 0.0
        for step in range(20):
            action = plan.action_at(0.1 * step, state if feedback else None)
            following, reward = problem.step(state[None], action[None])
            state, total = following[0], total + float(reward[0])
        totals.append(total)
    optimum = mf.ILQR(problem, horizon=20).plan(START + np.float32([0.3, -0.2, 0.1])).value
    assert totals[0] < totals[1] - 0.1
    assert totals[1] == pytest.approx(optimum, rel=1e-3)


def test_action_at_a_state_says_what_is_wrong(small: Exported) -> None:
    plan = mf.ILQR(small.problem, horizon=5).plan(STATE, goal=GOAL)
    with pytest.raises(ValueError, match=r"^state must be 6 finite numbers, got \[1. 2.\]$"):
        plan.action_at(0.0, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"^a plan answers to a state only if its planner computes gains"):
        mf.ILQR(small.problem, horizon=5, feedback=False).plan(STATE, goal=GOAL).action_at(0.0, STATE)
    np.testing.assert_allclose(plan.action_at(0.0, STATE), plan.action, atol=1e-6)


def test_a_warm_start_needs_fewer_steps(small: Exported) -> None:
    planner = mf.ILQR(small.problem, horizon=20, iterations=30)
    first = planner.plan(STATE, goal=GOAL)
    second = pickle.loads(pickle.dumps(planner)).plan(STATE, goal=GOAL, elapsed=0.0)
    assert second.stats.tiles < first.stats.tiles
    assert second.value >= first.value - 1e-3 * abs(first.value)


def test_wrong_settings_are_named(small: Exported) -> None:
    for settings, sentence in (
        ({"step_sizes": 0}, r"^step_sizes must be in 1..60, got 0$"),
        ({"regularisation": 0.0}, r"^regularisation must be > 0 and finite, got 0$"),
        ({"smoothing": -1.0}, r"^smoothing must be > 0 and finite, got -1$"),
        ({"tolerance": 1.0}, r"^tolerance must be in \[0, 1\), got 1$"),
    ):
        with pytest.raises(ValueError, match=sentence):
            mf.ILQR(small.problem, **settings)  # type: ignore[arg-type]
