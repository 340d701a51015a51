"""What may change from call to call: bounds and temperature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from makers import SAMPLERS, SMALL, makers

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported
from mbrl_fast.planners import REGISTRY

VARIANTS: dict[str, dict[str, Any]] = {
    "hold": {},
    "cubic": {"interpolation": "cubic"},
    "limited": {"max_rate": 1.5},
    "mean": {"returns": "mean", "knot_growth": 1.5},
}
BOUNDS = [(-0.2, 0.1), (0.3, [1.0, 0.5]), ([-1.0, 0.25], [-0.9, 0.25]), (None, -0.5), (0.4, None)]
make = makers(VARIANTS)


def test_every_answer_and_candidate_keeps_to_the_bounds_of_its_call(make: Any, small: Exported) -> None:
    planner = make()
    for low, high in BOUNDS:
        least = np.float32(small.problem.action_low if low is None else low)
        most = np.float32(small.problem.action_high if high is None else high)
        for options in ({}, {"max_tiles": 0}, {"deadline_ms": 0.1}, {"candidates": None}):
            plan = planner.plan(STATE, goal=GOAL, action_low=low, action_high=high, trace=True, **options)
            for actions in (plan.actions, *(iteration.actions for iteration in plan.trace)):
                assert (actions >= least).all()
                assert (actions <= most).all()
            again = mf.replay(planner.snapshot())
            assert again.same, again.differences()


def test_without_a_plan_the_middle_is_that_of_the_call(make: Any) -> None:
    plan = make(max_rate=None).plan(STATE, goal=GOAL, action_low=0.25, action_high=0.5, max_tiles=0)
    assert plan.status == "safe"
    np.testing.assert_array_equal(plan.actions, np.full_like(plan.actions, 0.375))


def test_the_problems_own_bounds_change_nothing(make: Any, small: Exported) -> None:
    planner, other = make(), make()
    for i in range(3):
        state = STATE + 0.1 * i
        own = {"action_low": small.problem.action_low, "action_high": small.problem.action_high}
        np.testing.assert_array_equal(planner.plan(state, goal=GOAL, **own).actions, other.plan(state, goal=GOAL).actions)


def test_bounds_do_not_outlive_their_call(make: Any) -> None:
    planner, other = make(warm_start=False), make(warm_start=False)
    planner.plan(STATE, goal=GOAL, action_low=0.3, action_high=0.4)
    other.plan(STATE, goal=GOAL)
    np.testing.assert_array_equal(planner.plan(STATE, goal=GOAL).actions, other.plan(STATE, goal=GOAL).actions)


def test_rows_of_a_batch_share_the_bounds(make: Any) -> None:
    states = np.stack([STATE, STATE + 0.1])
    batch = make().plan_batch(states, goal=GOAL, action_low=-0.2, action_high=[0.1, 0.0])
    assert (batch.actions >= np.float32(-0.2)).all()
    assert (batch.actions <= np.float32([0.1, 0.0])).all()
    alone = make().plan(states[0], goal=GOAL, action_low=-0.2, action_high=[0.1, 0.0])
    np.testing.assert_array_equal(batch[0].actions, alone.actions)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"action_low": -1.5}, r"action_low must be within the problem's bounds -1..1, got action_low\[0\]=-1.5"),
        ({"action_high": [0.0, 0.75]}, r"action_high must be within the problem's bounds -1..0.5, got action_high\[1\]=0.75"),
        ({"action_low": 0.25, "action_high": -0.25}, r"action_low must be <= action_high, got action_low\[0\]=0.25, .*=-0.25"),
        ({"action_low": [0.0]}, r"action_low must have shape \[2\], got \[1\]"),
        ({"action_high": [0.0, np.nan]}, r"action_high must be finite, got action_high\[1\] = nan"),
        ({"action_high": np.nan}, r"action_high must be a number, got nan"),
    ],
)
def test_wrong_bounds_are_named(small: Exported, options: dict[str, Any], sentence: str) -> None:
    planner = mf.CEM(small.problem)
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        planner.plan(STATE, goal=GOAL, **options)
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        planner.plan_batch(STATE[None], goal=GOAL, **options)


def test_a_temperature_is_for_planners_that_have_one(small: Exported) -> None:
    planner = mf.CEM(small.problem)
    for ask in (planner.plan, planner.plan_batch):
        with pytest.raises(ValueError, match=r"^temperature must be None: CEM has none, got 0.5$"):
            ask(STATE if ask == planner.plan else STATE[None], goal=GOAL, temperature=0.5)  # type: ignore[operator]


@pytest.mark.parametrize("name", [name for name in SAMPLERS if hasattr(REGISTRY[name].settings_type(), "temperature")])
def test_a_temperature_of_the_call_is_the_settings_own(small: Exported, name: str) -> None:
    own, called = REGISTRY[name](small.problem, **{**SMALL[name], "temperature": 0.3}), REGISTRY[name](small.problem, **SMALL[name])
    for _ in range(2):
        plan = called.plan(STATE, goal=GOAL, temperature=0.3)
        np.testing.assert_array_equal(plan.actions, own.plan(STATE, goal=GOAL).actions)
    assert mf.replay(called.snapshot()).same
    for wrong in (0.0, -1.0, np.inf):
        with pytest.raises(ValueError, match=r"^temperature must be > 0 and finite, got"):
            called.plan(STATE, goal=GOAL, temperature=wrong)
