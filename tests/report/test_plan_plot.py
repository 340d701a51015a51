"""A plan's picture, in the car park and anywhere else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mbrl_fast import plot
from mbrl_fast.planners import Plan, PlanStats
from mbrl_fast.tasks import HalfCheetah, Parking, Pendulum

pytest.importorskip("matplotlib")

STATS = PlanStats(1, 100, 0.5)


def a_plan(state_size: int, action_size: int = 1, steps_per_knot: int = 2) -> Plan:
    actions = np.arange(3 * action_size, dtype=np.float32).reshape(3, action_size)
    states = np.arange((3 * steps_per_knot + 1) * state_size, dtype=np.float32).reshape(-1, state_size)
    return Plan(actions, states, 1.0, "ok", STATS, knot_seconds=0.1)


def test_a_plan_of_any_task_is_drawn_over_seconds_with_names_and_units() -> None:
    top = plot.plan(a_plan(3), task=Pendulum())
    bottom = top.figure.axes[1]
    assert [line.get_label() for line in top.lines] == ["cos [1]", "sin [1]", "velocity [rad/s]"]
    np.testing.assert_allclose(top.lines[0].get_xdata(), np.linspace(0, 0.3, 7))
    assert [line.get_label() for line in bottom.lines] == ["torque [N·m]"]
    assert bottom.lines[0].get_ydata().tolist() == [0, 1, 2, 2]  # the last action is held
    assert bottom.get_xlabel() == "time [s]"


def test_without_a_task_there_are_numbers_and_without_seconds_steps() -> None:
    top = plot.plan(SimpleNamespace(action=np.zeros(1), states=a_plan(2).states))
    assert [line.get_label() for line in top.lines] == ["state[0]", "state[1]"]
    assert top.get_xlabel() == "model step"
    assert top.lines[0].get_xdata()[-1] == 6


def test_many_numbers_are_told_apart() -> None:
    top = plot.plan(a_plan(HalfCheetah.state_size, HalfCheetah.action_size), task=HalfCheetah())
    styles = {(line.get_color(), line.get_linestyle()) for line in top.lines}
    assert len(styles) == len(top.lines) == HalfCheetah.state_size


@pytest.mark.parametrize("told", [{"goal": np.zeros(6)}, {"task": Parking()}])
def test_a_plan_of_parking_is_drawn_in_the_lot_and_six_numbers_alone_are_no_car(told: dict[str, Any]) -> None:
    plan = a_plan(6, 2)
    assert plot.plan(plan, **told).get_xlabel() == "x (m)"
    assert plot.plan(plan).figure.axes[1].get_xlabel() == "time [s]"


def test_given_axes_get_the_states() -> None:
    from matplotlib.figure import Figure

    given = Figure().add_subplot()
    assert plot.plan(a_plan(3), axes=given) is given
    assert len(given.lines) == 3
    assert given.get_xlabel() == "time [s]"


def test_a_plan_that_had_no_time_is_refused() -> None:
    late = Plan(np.zeros((3, 1), np.float32), np.zeros((0, 3), np.float32), float("nan"), "shifted", STATS, 0.1)
    with pytest.raises(ValueError, match="a plan can be drawn if it has states, got 0 of them: it had no time"):
        plot.plan(late)
    assert repr(late).endswith("0.3 s ahead, status shifted)")
    assert "6 model steps ahead" in repr(a_plan(3))
