"""MPPI: its weights against a softmax in double precision, and its limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported


def average(iteration: mf.planners.Iteration, temperature: float, charges: Any = 0.0) -> Any:
    """The weighted mean of the candidates that one traced iteration drew."""
    returns = iteration.returns.astype(np.float64)
    finite = np.isfinite(returns)
    scores = (np.where(finite, returns, 0) - returns[finite].max()) / temperature - charges
    weights = np.where(finite, np.exp(scores - scores[finite].max()), 0)
    return np.tensordot(weights / weights.sum(), iteration.actions.astype(np.float64), 1)


def first(planner: mf.MPPI) -> tuple[Any, mf.planners.Iteration]:
    """The actions of a plan of one iteration, and that iteration."""
    plan = planner.plan(STATE, goal=GOAL, trace=True)
    assert plan.trace is not None
    return plan.actions, plan.trace[-1]


@pytest.mark.parametrize("temperature", [1e-3, 0.1, 1.0, 100.0])
@pytest.mark.parametrize("beta", [0.0, 2.0])
def test_the_answer_is_the_weighted_mean_of_all_candidates(temperature: float, beta: float, small: Exported) -> None:
    actions, iteration = first(mf.MPPI(small.problem, temperature=temperature, noise_beta=beta))
    np.testing.assert_allclose(actions, average(iteration, temperature), rtol=0, atol=1e-6)


def test_a_cold_plan_is_the_best_candidate_and_a_hot_one_their_mean(small: Exported) -> None:
    actions, iteration = first(mf.MPPI(small.problem, temperature=1e-300))
    np.testing.assert_array_equal(actions, iteration.actions[np.argmax(iteration.returns)])
    actions, iteration = first(mf.MPPI(small.problem, temperature=1e300))
    np.testing.assert_allclose(actions, iteration.actions.mean(0), rtol=0, atol=1e-6)


def test_several_iterations_refine_the_same_distribution(small: Exported) -> None:
    plan = mf.MPPI(small.problem, iterations=4, temperature=0.1).plan(STATE, goal=GOAL, trace=True)
    assert plan.trace is not None
    for earlier, later in zip(plan.trace, plan.trace[1:], strict=False):
        np.testing.assert_allclose(later.mean, average(earlier, 0.1), rtol=0, atol=1e-6)
        np.testing.assert_array_equal(later.std, earlier.std)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_returns_of_any_size_neither_overflow_nor_vanish(scale: float) -> None:
    def reward(action: torch.Tensor) -> torch.Tensor:
        return -scale * (action[:, 0] - 0.5).square()

    problem = mf.export(lambda state, action: state, reward, state_size=1, action_size=1, action_low=-1, action_high=1, dt=0.1)
    plan = mf.MPPI(problem, horizon=2, steps_per_knot=1, population=500, normalise=True, temperature=0.05).plan([0.0])
    np.testing.assert_allclose(plan.actions, 0.5, atol=0.2)


def test_a_normalised_temperature_does_not_know_the_rewards_scale(small: Exported) -> None:
    def plan(scale: float) -> Any:
        def reward(next_state: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
            return -scale * (next_state - goal).abs().sum(-1)

        problem = mf.export(
            small.dynamics[0], reward, state_size=6, action_size=2, inputs={"goal": 6}, action_low=-1, action_high=1, dt=0.2
        )
        return mf.MPPI(problem, normalise=True, temperature=0.3, iterations=2).plan(STATE, goal=GOAL).actions

    np.testing.assert_allclose(plan(1000.0), plan(1.0), rtol=0, atol=1e-5)
    actions, iteration = first(mf.MPPI(small.problem, normalise=True, temperature=0.3))
    np.testing.assert_allclose(actions, average(iteration, 0.3 * iteration.returns.std()), rtol=0, atol=1e-5)


def test_candidates_pay_for_their_control(small: Exported) -> None:
    planner = mf.MPPI(small.problem, control_cost=0.6, init_std=0.5, temperature=0.7)
    for _ in range(3):
        actions, iteration = first(planner)
        noise = (iteration.actions - iteration.mean).astype(np.float64)
        charges = 0.6 * (iteration.mean / iteration.std.astype(np.float64) ** 2 * noise).sum((1, 2))
        np.testing.assert_allclose(actions, average(iteration, 0.7, charges), rtol=0, atol=2e-6)


def test_only_elites_have_a_weight_where_they_are_asked_for(small: Exported) -> None:
    actions, iteration = first(mf.MPPI(small.problem, elites=7, temperature=0.5))
    iteration.returns[np.argsort(-iteration.returns)[7:]] = np.nan
    np.testing.assert_allclose(actions, average(iteration, 0.5), rtol=0, atol=1e-6)


def test_a_refitted_std_is_the_weighted_candidates_within_its_limits(small: Exported) -> None:
    plan = mf.MPPI(small.problem, iterations=3, refit_std=True, min_std=0.3, temperature=0.2).plan(STATE, goal=GOAL, trace=True)
    assert plan.trace is not None
    half = (small.problem.action_high - small.problem.action_low) / 2
    for iteration in plan.trace[1:]:
        assert (iteration.std >= np.float32(0.3) * half).all()
        assert (iteration.std <= half).all()
    assert (plan.trace[1].std < plan.trace[0].std).any()


def test_candidates_pay_for_their_changes(small: Exported) -> None:
    actions, iteration = first(mf.MPPI(small.problem, smoothness=0.4, temperature=0.5, init_std=0.5))
    changes = np.square(np.diff(iteration.actions.astype(np.float64), axis=1)).sum((1, 2))
    np.testing.assert_allclose(actions, average(iteration, 0.5, 0.4 / 0.5 * changes), rtol=0, atol=1e-6)
    rough = first(mf.MPPI(small.problem, temperature=0.5, init_std=0.5))[0]
    assert np.square(np.diff(actions, axis=0)).sum() < np.square(np.diff(rough, axis=0)).sum()


def test_a_smooth_plan_lets_its_last_change_go_on(small: Exported) -> None:
    """In one plan of two iterations the second draws around A' + (A' - A)."""
    plan = mf.MPPI(small.problem, smooth=True, iterations=2, init_std=0.1, temperature=0.5).plan(STATE, goal=GOAL, trace=True)
    assert plan.trace is not None
    middle = (small.problem.action_low + small.problem.action_high) / 2
    moved = average(plan.trace[0], 0.5)
    np.testing.assert_allclose(plan.trace[1].mean, moved + (moved - middle), rtol=0, atol=1e-6)
    np.testing.assert_allclose(plan.actions, average(plan.trace[1], 0.5), rtol=0, atol=1e-6)


def push(state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    return torch.stack([state[:, 0] + 0.1 * state[:, 1], state[:, 1] + 0.1 * action[:, 0]], -1)


def arrive(next_state: torch.Tensor) -> torch.Tensor:
    return -(next_state[:, 0] - 1).square() - 0.1 * next_state[:, 1].square()


@pytest.mark.parametrize("seed", [0, 1])
def test_smooth_mppi_acts_more_smoothly_with_the_papers_noise_and_only_then(seed: int) -> None:
    """Plain MPPI with σ on the actions against σ·Δt, Δt = 0.1 s, on their changes; the normals are the same."""
    problem = mf.export(push, arrive, state_size=2, action_size=1, action_low=-2, action_high=2, dt=0.1)

    def executed_and_planned(planner: mf.MPPI) -> tuple[float, float]:
        """Mean squared changes from action to action in a closed loop, and along its plans."""
        state, actions, planned = np.zeros(2, np.float32), [], []
        for _ in range(40):
            plan = planner.plan(state)
            actions.append(plan.action)
            planned.append(float(np.square(np.diff(plan.actions, axis=0)).mean()))
            state = problem.step(state[None], plan.action[None])[0][0]
        return float(np.square(np.diff(np.array(actions), axis=0)).mean()), float(np.mean(planned))

    settings: dict[str, Any] = {"horizon": 20, "steps_per_knot": 1, "population": 150, "temperature": 1.0, "seed": seed}
    plain = executed_and_planned(mf.MPPI(problem, **settings))
    smooth = executed_and_planned(mf.MPPI.smooth(problem, **settings))
    unscaled = executed_and_planned(mf.MPPI.smooth(problem, init_std=1.0, **settings))
    for rough, calm, wild in zip(plain, smooth, unscaled, strict=True):
        assert calm < 0.2 * rough
        assert wild > 2 * rough


@pytest.mark.skipif("interpolation" not in mf.MPPISettings.__dataclass_fields__, reason="waits for the setting interpolation")
def test_the_kernel_variant_plans_over_support_points(small: Exported) -> None:
    planner = mf.MPPI.kernel(small.problem)
    assert planner.settings.interpolation == "rbf"
    assert planner.plan(STATE, goal=GOAL).status == "ok"


def test_settings_that_do_not_fit_are_named(small: Exported) -> None:
    for name, value, sentence in (
        ("temperature", 0.0, r"temperature must be > 0 and finite, got 0"),
        ("temperature", float("nan"), r"temperature must be > 0 and finite, got nan"),
        ("control_cost", 1.5, r"control_cost must be in \[0, 1\], got 1.5"),
        ("elites", 101, r"elites must be in 0..population, got elites=101, population=100"),
        ("min_std", 2.0, r"min_std must be in 0..init_std, got min_std=2, init_std=1"),
        ("smoothness", -1.0, r"smoothness must be >= 0 and finite, got -1"),
    ):
        with pytest.raises(ValueError, match=f"^{sentence}$"):
            mf.MPPI(small.problem, **{name: value})
    with pytest.raises(ValueError, match=r"^control_cost needs white noise, noise_beta=0: .* got noise_beta=2$"):
        mf.MPPI(small.problem, control_cost=0.1, noise_beta=2.0)
