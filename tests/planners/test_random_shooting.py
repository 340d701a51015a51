"""Random shooting: it covers the bounds, learns nothing, and takes the best."""

from __future__ import annotations

import numpy as np
import pytest

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported


@pytest.mark.parametrize("beta", [0.0, 2.0])
def test_candidates_are_uniform_over_the_bounds(beta: float, small: Exported) -> None:
    planner = mf.RandomShooting(small.problem, horizon=6, population=4000, noise_beta=beta)
    low, high = small.problem.action_low, small.problem.action_high
    for _ in range(2):
        trace = planner.plan(STATE, goal=GOAL, trace=True).trace
        assert trace is not None
        places = np.sort((trace[0].actions - low) / (high - low), axis=0)
        even = np.linspace(0, 1, 4000)[:, None, None]
        assert np.abs(places - even).max() < 2.23 / np.sqrt(4000)  # Kolmogorov–Smirnov, 0.01 %
        assert ((places > 0) & (places < 1)).all()
    neighbours = np.corrcoef(trace[0].actions[:, 0, 0], trace[0].actions[:, 1, 0])[0, 1]
    assert neighbours > 0.5 if beta else abs(neighbours) < 0.06


def test_a_gaussian_is_clipped_around_the_middle(small: Exported) -> None:
    trace = mf.RandomShooting(small.problem, population=4000, distribution="gaussian", init_std=0.3).plan(
        STATE, goal=GOAL, trace=True
    ).trace  # fmt: skip
    assert trace is not None
    low, high = small.problem.action_low, small.problem.action_high
    np.testing.assert_allclose(trace[0].actions.mean(0), np.broadcast_to((low + high) / 2, (5, 2)), atol=0.03)
    np.testing.assert_allclose(trace[0].actions.std(0), np.broadcast_to(0.3 * (high - low) / 2, (5, 2)), rtol=0.06)


def test_the_answer_is_the_best_of_all_iterations(small: Exported) -> None:
    plan = mf.RandomShooting(small.problem, population=100, iterations=3, prune=False).plan(STATE, goal=GOAL, trace=True)
    assert plan.trace is not None
    assert plan.value == max(iteration.returns.max() for iteration in plan.trace)


def test_settings_that_do_not_fit_are_named(small: Exported) -> None:
    with pytest.raises(ValueError, match=r"^returns must be 'best': random shooting has no mean of its own$"):
        mf.RandomShooting(small.problem, returns="mean")
    with pytest.raises(ValueError, match=r"^distribution must be 'uniform' or 'gaussian', got 'cauchy'$"):
        mf.RandomShooting(small.problem, distribution="cauchy")
    with pytest.raises(
        ValueError, match=r"^init_std is of distribution='gaussian', 'uniform' covers the bounds: it must be 1, got 0.5$"
    ):
        mf.RandomShooting(small.problem, init_std=0.5)
