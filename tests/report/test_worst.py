"""Which episodes went worst, and where the model was first wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from records import pendulum_episode
from test_plots import an_episode

from mbrl_fast.report import worst
from mbrl_fast.tasks import Parking

pytest.importorskip("matplotlib")


def test_crashes_are_worst_then_failures_then_little_return() -> None:
    parked = {"success": True, "strict": True}
    episodes = [
        pendulum_episode(1, **parked),
        pendulum_episode(2, success=True, strict=False),
        pendulum_episode(3, success=False, strict=False),
        pendulum_episode(4, **{**parked, "crash_after_success": True}),
        pendulum_episode(5, **{**parked, "return": -99.0}),
        pendulum_episode(6, crash=True, success=False, strict=False),
    ]
    assert [record.seed for record in worst.worst(episodes, 10)] == [6, 4, 3, 2, 5, 1]
    assert [record.seed for record in worst.worst(episodes, 2)] == [6, 4]


def test_a_usual_change_is_the_root_mean_square_of_all_steps() -> None:
    usual = worst.usual_change([pendulum_episode(), pendulum_episode(steps=2)])
    assert usual[2] == pytest.approx(0.1, rel=1e-5)


def test_the_first_bad_step_is_where_the_state_left_the_plan_by_more_than_is_tolerated() -> None:
    record = pendulum_episode(wrong_at=4)
    usual = worst.usual_change([record])
    bad = worst.first_bad_step(record, usual)
    assert bad is not None
    assert (bad.step, bad.entry) == (4, 2)
    assert bad.realised == pytest.approx(2.5, rel=1e-5)
    assert bad.predicted == pytest.approx(7.5, rel=1e-5)
    assert worst.first_bad_step(record, usual, tolerance=51.0) is None
    said = worst.describe(record, bad)
    assert said == "First bad step: step 4 (0.2 s), velocity [rad/s] became 2.5 where the model said 7.5."
    axes = worst.draw(record, bad).figure.axes
    assert all(each.lines[-1].get_xdata()[0] == pytest.approx(0.2) for each in axes)


def test_a_prediction_that_is_no_number_is_bad() -> None:
    record = pendulum_episode()
    record.plans[1][1:] = np.nan
    bad = worst.first_bad_step(record, worst.usual_change([record]))
    assert bad is not None
    assert bad.step == 1


def test_plans_without_states_and_plans_that_begin_later_say_nothing() -> None:
    record = pendulum_episode(wrong_at=2)
    usual = worst.usual_change([record])
    record.plans[2] = np.zeros((0, 3), np.float32)
    assert worst.first_bad_step(record, usual) is None
    late = replace(record, plans=[record.states[1:4] + 9.0] * 6)
    assert worst.first_bad_step(late, usual) is None


def test_what_is_said_where_no_step_was_bad() -> None:
    assert worst.describe(pendulum_episode(), None) == "The model foresaw every step."
    failed = worst.describe(pendulum_episode(success=False), None)
    assert failed == "The model foresaw every step: what went wrong is the plan's or the reward's."
    assert worst.describe(pendulum_episode(plans=False), None) == "The plans of this episode were not recorded."


def test_in_the_lot_the_bad_step_has_a_star_where_the_car_was_and_its_plan() -> None:
    record = replace(an_episode(), task=Parking())
    axes = worst.draw(record, worst.BadStep(2, 0, 0.0, 0.1))
    *_, plan, star = axes.lines
    assert star.get_marker() == "*"
    assert np.ravel(star.get_data()) == pytest.approx([2.0, 0.0])
    assert plan.get_linestyle() == "--"
    assert "first bad step, and its plan" in axes.get_legend_handles_labels()[1]
    assert not [line for line in worst.draw(record, None).lines if line.get_marker() == "*"]
