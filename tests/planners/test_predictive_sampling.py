"""Predictive sampling: the last plan is a candidate, and the answer never worse."""

from __future__ import annotations

import numpy as np
import pytest

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported


def test_candidate_0_is_the_last_plan_moved_on(small: Exported) -> None:
    planner = mf.PredictiveSampling(small.problem, steps_per_knot=1)
    before = planner.plan(STATE, goal=GOAL).actions
    trace = planner.plan(STATE, goal=GOAL, trace=True).trace
    assert trace is not None
    np.testing.assert_array_equal(trace[0].actions[0], [*before[1:], before[-1]])


def test_plans_for_a_state_that_waits_only_get_better(small: Exported) -> None:
    planner = mf.PredictiveSampling(small.problem, prune=False)
    values = [planner.plan(STATE, goal=GOAL, elapsed=0.0).value for _ in range(50)]
    assert values == sorted(values)
    assert values[-1] > values[0] + 0.1


def test_the_answer_is_the_best_candidate_whatever_it_is_told_to_return(small: Exported) -> None:
    for returns in ("mean", "best"):
        plan = mf.PredictiveSampling(small.problem, returns=returns, iterations=2).plan(STATE, goal=GOAL, trace=True)
        assert plan.trace is not None
        last = plan.trace[-1]
        np.testing.assert_array_equal(plan.actions, last.actions[np.argmax(last.returns)])


def test_the_nominal_plan_cannot_be_left_out(small: Exported) -> None:
    with pytest.raises(
        ValueError, match=r"^include_mean must be true: in predictive sampling the last plan is always a candidate$"
    ):
        mf.PredictiveSampling(small.problem, include_mean=False)


def test_mjpc_looks_half_a_second_ahead(small: Exported) -> None:
    planner = mf.PredictiveSampling.mjpc(small.problem, horizon=5)
    assert planner.settings.steps_per_knot == 1  # half a second of 0.2 s steps is less than five
    assert planner.settings.population == 10
