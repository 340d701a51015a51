"""Bad numbers from Python: what is not finite is refused by its place and changes nothing, what is finite gets an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported

SETTINGS: dict[str, Any] = {
    "horizon": 4, "steps_per_knot": 2, "population": 40, "elites": 5, "iterations": 2, "keep_elites": 2, "warm_start": True,
    "fresh_fraction": 0.2, "noise_beta": 1.0, "seed": 3,
}  # fmt: skip
NOT_FINITE = [np.nan, np.inf, -np.inf]
EXTREME = [1e-40, -1e-40, 1e38, -1e38, float(np.finfo(np.float32).max)]


def struck(values: np.ndarray[Any, Any], place: int, number: float) -> np.ndarray[Any, Any]:
    """A copy with one number replaced."""
    copy = values.copy()
    copy[place] = number
    return copy


def bits(plan: mf.Plan) -> bytes:
    return plan.actions.tobytes() + plan.states.tobytes() + np.float32(plan.value).tobytes()


def expect_well(plan: mf.Plan, problem: mf.Problem) -> None:
    assert np.isfinite(plan.actions).all()
    assert (plan.actions >= problem.action_low).all()
    assert (plan.actions <= problem.action_high).all()


@pytest.mark.parametrize("number", NOT_FINITE)
def test_what_is_not_finite_is_refused_and_changes_nothing(small: Exported, number: float) -> None:
    planner, innocent = mf.CEM(small.problem, **SETTINGS), mf.CEM(small.problem, **SETTINGS)
    for place in range(6):
        with pytest.raises(ValueError, match=rf"state must be finite, got state\[{place}\]"):
            planner.plan(struck(STATE, place, number), goal=GOAL)
        with pytest.raises(ValueError, match=rf"goal must be finite, got goal\[{place}\]"):
            planner.plan(STATE, goal=struck(GOAL, place, number))
        with pytest.raises(ValueError, match=r"previous_action must be finite"):
            planner.plan(STATE, goal=GOAL, previous_action=[number, 0.0])
        assert bits(planner.plan(STATE, goal=GOAL)) == bits(innocent.plan(STATE, goal=GOAL))


@pytest.mark.parametrize("number", EXTREME)
def test_extreme_numbers_get_an_answer_and_leave_nothing_behind(small: Exported, number: float) -> None:
    settings = {**SETTINGS, "warm_start": False}
    innocent = mf.CEM(small.problem, **settings)
    for _ in range(2):
        innocent.plan(STATE, goal=GOAL)
    expected = bits(innocent.plan(STATE, goal=GOAL))
    planner = mf.CEM(small.problem, **settings)
    for place in range(6):
        for state, goal in [(struck(STATE, place, number), GOAL), (STATE, struck(GOAL, place, number))]:
            planner.reset()
            planner.plan(STATE, goal=GOAL)
            expect_well(planner.plan(state, goal=goal), small.problem)
            assert bits(planner.plan(STATE, goal=GOAL)) == expected


@pytest.mark.parametrize("number", NOT_FINITE)
def test_bounds_that_are_not_finite_are_refused(small: Exported, number: float) -> None:
    for bounds in ({"action_low": [number, -1.0]}, {"action_high": [1.0, number]}):
        name = next(iter(bounds))
        arguments: dict[str, Any] = {"action_low": -1.0, "action_high": 1.0, **bounds}
        with pytest.raises(ValueError, match=f"{name} must be a finite number or 2 of them"):
            mf.export(
                small.dynamics[0], small.reward, state_size=6, action_size=2, inputs={"goal": 6}, dt=0.2, **arguments
            )  # fmt: skip


@pytest.mark.parametrize("bounds", [(-1e15, 1e15), (1e10, 1e15), (-1e-40, 1e-40), (0.0, 1e-38)])
def test_extreme_bounds_are_kept(small: Exported, bounds: tuple[float, float]) -> None:
    problem = mf.export(
        small.dynamics[0], small.reward, state_size=6, action_size=2, inputs={"goal": 6}, dt=0.2,
        action_low=[bounds[0], -1.0], action_high=[bounds[1], 1.0],
    )  # fmt: skip
    planner = mf.CEM(problem, **SETTINGS)
    for _ in range(3):
        expect_well(planner.plan(STATE, goal=GOAL), problem)
