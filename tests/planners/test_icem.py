"""iCEM: what it does beside CEM, seen in its trace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported


def traced(planner: mf.ICEM, plans: int = 1) -> list[tuple[Any, ...]]:
    """The iterations of successive plans."""
    return [planner.plan(STATE, goal=GOAL, trace=True).trace or () for _ in range(plans)]


def test_the_population_decays_to_twice_the_elites(small: Exported) -> None:
    sizes = [len(iteration.returns) for iteration in traced(mf.ICEM.paper(small.problem, iterations=6))[0]]
    assert sizes == [40, 32, 25, 20, 20, 20]
    assert len(traced(mf.ICEM(small.problem, population=15, elites=10))[0][2].returns) == 15


def test_a_plan_of_the_paper_is_2910_model_steps_and_its_answer(small: Exported) -> None:
    assert mf.ICEM.paper(small.problem, prune=False).plan(STATE, goal=GOAL).model_steps == (40 + 32 + 25) * 30 + 30


def test_the_mean_is_a_candidate_of_the_last_iteration_only(small: Exported) -> None:
    for iterations in traced(mf.ICEM(small.problem, horizon=6), plans=2):
        rides = [bool((iteration.actions[0] == iteration.mean).all()) for iteration in iterations]
        assert rides == [False, False, True]


def test_elites_are_kept_within_a_plan_and_shifted_into_the_next_with_a_new_last_action(small: Exported) -> None:
    first, second = traced(mf.ICEM(small.problem, horizon=6, include_mean=False), plans=2)
    for earlier, later in ((first[0], first[1]), (first[1], first[2])):
        np.testing.assert_array_equal(later.actions[:3], earlier.actions[earlier.elites[:3]])
    kept, shifted = first[2].actions[first[2].elites[:3]], second[0].actions[:3]
    np.testing.assert_array_equal(shifted[:, :-1], kept[:, 1:])
    assert (shifted[:, -1] != kept[:, -1]).all()
    low, high = small.problem.action_low, small.problem.action_high
    assert ((shifted[:, -1] >= low) & (shifted[:, -1] <= high)).all()


def test_the_answer_is_the_best_candidate_of_the_last_pool(small: Exported) -> None:
    plan = mf.ICEM(small.problem).plan(STATE, goal=GOAL, trace=True)
    assert plan.trace is not None
    last = plan.trace[-1]
    np.testing.assert_array_equal(plan.actions, last.actions[last.elites[0]])
    assert plan.value == max(iteration.returns.max() for iteration in plan.trace)


def test_few_coloured_candidates_find_more_than_as_many_white_ones(small: Exported) -> None:
    def value(beta: float) -> float:
        plans = [mf.ICEM(small.problem, noise_beta=beta, seed=seed).plan(STATE, goal=GOAL).value for seed in range(20)]
        return float(np.mean(plans))

    assert value(3.0) > value(0.0)


def test_settings_that_do_not_fit_are_named(small: Exported) -> None:
    with pytest.raises(ValueError, match=r"^decay must be >= 1 and finite, got 0.5$"):
        mf.ICEM(small.problem, decay=0.5)
    with pytest.raises(ValueError, match=r"^the last population must hold the mean, the kept elites and the fresh candidates, got"):
        mf.ICEM(small.problem, population=40, elites=3, keep_elites=3, fresh_fraction=0.5, decay=10.0)
