"""Collocation against a Riccati solution, against CEM, and its promises: bounds, rates, ensembles, refusals."""

from __future__ import annotations

import builtins
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported
from mbrl_fast.models import Bicycle
from mbrl_fast.planners.collocation import Collocation, shifted
from mbrl_fast.rewards import ParkingReward
from mbrl_fast.tasks import Parking

A = np.array([[1.0, 0.1], [0.0, 0.95]])
B = np.array([[0.005], [0.1]])
Q, R, END = np.diag([1.0, 0.1]), np.array([[0.02]]), np.diag([5.0, 1.0])
START = np.array([1.0, -0.5], np.float32)


def linear(state: Tensor, action: Tensor) -> Tensor:
    return state @ torch.tensor(A.T, dtype=state.dtype) + action @ torch.tensor(B.T, dtype=state.dtype)


def quadratic(state: Tensor, action: Tensor) -> Tensor:
    return -(state.square() * torch.tensor(np.diag(Q), dtype=state.dtype)).sum(-1) - 0.02 * action[:, 0].square()


def quadratic_end(state: Tensor) -> Tensor:
    return -(state.square() * torch.tensor(np.diag(END), dtype=state.dtype)).sum(-1)


def regulator(bound: float = 50.0) -> mf.Problem:
    return mf.export(
        linear, quadratic, terminal_value=quadratic_end, state_size=2, action_size=1, action_low=-bound, action_high=bound, dt=0.1
    )


def riccati(horizon: int) -> np.ndarray:
    """The optimal actions [H] from START, by dynamic programming."""
    P, gains = END, []
    for _ in range(horizon):
        K = np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)
        P = Q + A.T @ P @ (A - B @ K)
        gains.insert(0, K)
    x, actions = START.astype(float), []
    for K in gains:
        actions.append(float((-K @ x)[0]))
        x = (A - B @ K) @ x
    return np.array(actions)


def test_a_linear_quadratic_plan_is_riccatis() -> None:
    planner = Collocation(regulator(), horizon=20, steps_per_knot=1)
    plan = planner.plan(START)
    assert plan.status == "ok"
    assert planner.report["return_status"] == "Solve_Succeeded"
    np.testing.assert_allclose(plan.actions[:, 0], riccati(20), rtol=0, atol=1e-4)
    assert plan.states.shape == (21, 2)
    assert plan.knot_seconds == pytest.approx(0.1)
    assert plan.model_steps > 0


def test_bounds_hold_and_are_used() -> None:
    plan = Collocation(regulator(2.0), horizon=20, steps_per_knot=1).plan(START)
    assert plan.status == "ok"
    assert np.abs(plan.actions).max() <= 2.0
    assert plan.actions[0, 0] == pytest.approx(-2.0, abs=1e-4)
    assert np.abs(riccati(20)).max() > 2.0


def test_rates_hold_and_are_used() -> None:
    planner = Collocation(regulator(), horizon=10, steps_per_knot=2, max_rate=4.0)
    plan = planner.plan(START, previous_action=[0.5])
    assert plan.status == "ok"
    assert abs(plan.actions[0, 0] - 0.5) <= 0.4 + 1e-6
    steps = np.abs(np.diff(plan.actions[:, 0]))
    assert steps.max() == pytest.approx(0.8, abs=1e-4)


def test_the_value_is_the_true_return(small: Exported) -> None:
    planner = Collocation(small.problem, horizon=4, steps_per_knot=2, discount=0.9)
    guess = np.random.default_rng(0).uniform(-0.5, 0.5, (4, 2))
    plan = planner.plan(STATE, guess=guess, goal=GOAL)
    returns, states = small.problem.rollout(
        STATE, plan.actions[None], steps_per_knot=2, discount=0.9, return_states=True, goal=GOAL
    )
    assert plan.value == returns[0]
    assert np.array_equal(plan.states, states[0])
    assert plan.value > planner.report["guess_value"]


def test_an_ensemble_shares_its_actions(ensemble: Exported) -> None:
    planner = Collocation(ensemble.problem, horizon=4, steps_per_knot=2)
    assert "152 variables" in repr(planner)
    guess = mf.CEM(ensemble.problem, horizon=4, steps_per_knot=2).plan(STATE, goal=GOAL)
    plan = planner.plan(STATE, guess=guess.actions, goal=GOAL)
    assert plan.actions.shape == (4, 2)
    assert plan.value > guess.value
    assert (plan.actions <= ensemble.problem.action_high).all()


def test_from_cems_plan_it_beats_cem_with_ten_times_the_work() -> None:
    """The oracle's part, on parking: CEM's own plan is the guess, and what is left of it is found."""
    task = Parking()
    problem, settings = mf.export(Bicycle(), ParkingReward(), env=task), task.planner_settings()
    planner = Collocation(problem, horizon=25, steps_per_knot=1, max_iterations=80)
    gains = []
    for heading, x, side in ((0.3, 0.1, 0.14), (2.5, -0.22, -0.14), (4.4, 0.02, 0.14)):
        state = np.array([0, 0, 0, 0, np.cos(heading), np.sin(heading)], np.float32)
        goal = np.array([x, side, 0, 0, 0, np.sign(side)], np.float32)
        much = mf.CEM(problem, **{**settings, "population": 400, "iterations": 10}).plan(state, goal=goal)
        plan = planner.plan(state, guess=much.actions, goal=goal)
        gains.append(plan.value - much.value)
    assert min(gains) >= 0.0
    assert np.mean(gains) > 0.1


def test_a_second_plan_starts_from_the_shifted_first() -> None:
    problem = regulator()
    planner = Collocation(problem, horizon=12, steps_per_knot=1)
    first = planner.plan(START)
    again = planner.plan(first.states[1])
    assert planner.report["guess_value"] > mf.Problem(problem.bytes).rollout(first.states[1], np.zeros((1, 12, 1), np.float32))[0]
    cold = Collocation(problem, horizon=12, steps_per_knot=1).plan(first.states[1])
    np.testing.assert_allclose(again.actions, cold.actions, rtol=0, atol=1e-4)
    planner.reset()
    np.testing.assert_array_equal(planner.plan(START).actions, first.actions)


def test_shifted_averages_over_the_time_of_a_knot() -> None:
    knots = np.array([[0.0], [1.0], [3.0]])
    np.testing.assert_allclose(shifted(knots, 0.0), knots)
    np.testing.assert_allclose(shifted(knots, 1.0)[:, 0], [1.0, 3.0, 3.0])
    np.testing.assert_allclose(shifted(knots, 0.5)[:, 0], [0.5, 2.0, 3.0])
    np.testing.assert_allclose(shifted(knots, 7.0)[:, 0], [3.0, 3.0, 3.0])


def test_every_argument_of_a_reward_reaches_it() -> None:
    def cart(state: Tensor, action: Tensor) -> Tensor:
        return torch.stack([state[:, 0] + 0.1 * state[:, 1], state[:, 1] + 0.1 * action[:, 0]], -1)

    def reward(next_state: Tensor, action: Tensor, previous_action: Tensor, time: Tensor, goal: Tensor, track: Tensor) -> Tensor:
        jerk = (action - previous_action).square().sum(-1)
        return -(next_state[:, 0] - goal[0] - track[:, 0]).square() - 0.1 * jerk - 0.01 * time * action[:, 0].square()

    problem = mf.export(
        cart, reward, state_size=2, action_size=1, inputs={"goal": 1, "track": ("horizon", 1)}, action_low=-9, action_high=9, dt=0.1
    )
    planner = Collocation(problem, horizon=5, steps_per_knot=2)
    given: dict[str, Any] = {"goal": [0.2], "track": 0.05 * np.arange(10.0).reshape(10, 1)}
    plan = planner.plan(START, previous_action=[0.3], **given)
    assert plan.status == "ok"
    nearby = plan.actions + np.random.default_rng(1).normal(0, 0.05, (200, 5, 1)).astype(np.float32)
    returns = problem.rollout(START, nearby, steps_per_knot=2, previous_action=[0.3], **given)
    assert plan.value >= returns.max()


def test_new_weights_are_planned_with(small: Exported, ensemble: Exported) -> None:
    problem = mf.Problem(small.problem.bytes)
    planner = Collocation(problem, horizon=3, steps_per_knot=1)
    planner.plan(STATE, goal=GOAL)
    name, value = next((name, value) for name, value in problem.tensors().items() if value.ndim == 3)
    problem.update_weights({name: value * 0.5})
    planner.reset()
    plan = planner.plan(STATE, goal=GOAL)
    fresh = Collocation(mf.Problem(problem.bytes), horizon=3, steps_per_knot=1).plan(STATE, goal=GOAL)
    np.testing.assert_array_equal(plan.actions, fresh.actions)


def test_too_few_iterations_are_said() -> None:
    planner = Collocation(regulator(2.0), horizon=20, steps_per_knot=1, max_iterations=1)
    plan = planner.plan(START)
    assert plan.status == "not_converged"
    assert planner.report["return_status"] == "Maximum_Iterations_Exceeded"
    assert plan.value >= planner.report["guess_value"]


def test_a_model_without_finite_numbers_answers_the_guess() -> None:
    def broken(state: Tensor, action: Tensor) -> Tensor:
        return (state - 1e9).sqrt() + action

    problem = mf.export(broken, quadratic, state_size=2, action_size=1, action_low=-1, action_high=3, dt=0.1)
    planner = Collocation(problem, horizon=4, steps_per_knot=1)
    plan = planner.plan(START)
    assert plan.status == "no_finite_candidate"
    np.testing.assert_array_equal(plan.actions, np.ones((4, 1), np.float32))


def test_pickles(small: Exported) -> None:
    planner = Collocation(small.problem, horizon=3, steps_per_knot=1)
    planner.plan(STATE, goal=GOAL)
    copy = pickle.loads(pickle.dumps(planner))
    assert copy.settings == planner.settings
    np.testing.assert_array_equal(copy.plan(STATE, goal=GOAL).actions, planner.plan(STATE, goal=GOAL).actions)


def test_wrong_arguments_are_sentences(small: Exported) -> None:
    with pytest.raises(TypeError, match="unknown setting 'population'; Collocation has: discount, "):
        Collocation(small.problem, population=5)
    for name, value in (("smoothing", -1.0), ("tolerance", 0.0), ("max_iterations", 0), ("horizon", 0)):
        with pytest.raises(ValueError, match=f"{name} must be"):
            Collocation(small.problem, **{name: value})
    planner = Collocation(small.problem, horizon=3, steps_per_knot=1)
    with pytest.raises(ValueError, match=r"guess must be finite knots of shape \[3, 2\], got shape \[2, 2\]"):
        planner.plan(STATE, guess=np.zeros((2, 2)), goal=GOAL)
    with pytest.raises(ValueError, match="elapsed must be finite"):
        planner.plan(STATE, elapsed=np.nan, goal=GOAL)
    with pytest.raises(ValueError, match="state"):
        planner.plan(STATE * np.nan, goal=GOAL)
    with pytest.raises(ValueError, match="goal"):
        planner.plan(STATE)


def test_what_cannot_be_transcribed_is_refused() -> None:
    sizes: dict[str, Any] = {"state_size": 2, "action_size": 1, "action_low": -1, "action_high": 1, "dt": 0.1}
    with pytest.raises(ValueError, match=r"^collocation needs a reward"):
        Collocation(mf.export(linear, **sizes))
    with pytest.raises(ValueError, match=r"^collocation cannot plan with a termination, at which the return jumps"):
        Collocation(mf.export(linear, quadratic, termination=lambda state: state[:, 0] > 2, **sizes))


def test_casadi_is_imported_late_and_missed_in_a_sentence(small: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "import sys, mbrl_fast as mf; mf.Collocation; mf.CEM; assert 'casadi' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": ":".join(sys.path)}, check=False).returncode == 0
    original = builtins.__import__

    def blocked(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "casadi":
            raise ModuleNotFoundError("No module named 'casadi'")
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", blocked)
    with pytest.raises(ImportError, match=r"^collocation needs casadi: pip install 'mbrl-fast\[collocation\]'$"):
        Collocation(small.problem)
