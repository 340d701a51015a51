"""Outcome against milliseconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import pendulum_episode

from mbrl_fast import plot
from mbrl_fast.evaluation import EvaluationResult
from mbrl_fast.report.pareto_plot import _front

pytest.importorskip("matplotlib")

POINTS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=12)


def line(milliseconds: float, rate: float) -> dict[str, Any]:
    interval = [max(rate - 0.1, 0.0), min(rate + 0.2, 1.0)]
    return {"plan_ms_median": milliseconds, "success_rate": rate, "success_interval": interval, "mean_return": -10 * rate}


def test_a_planner_in_several_sizes_is_joined_and_has_the_intervals_of_its_rates() -> None:
    axes = plot.pareto({"cem": [line(4.0, 0.9), line(1.0, 0.5)], "mppi": line(2.0, 0.4)})
    assert axes.get_legend_handles_labels()[1] == ["cem", "mppi"]
    cem, mppi = axes.containers
    assert cem.lines[0].get_xydata().tolist() == [[1.0, 0.5], [4.0, 0.9]]
    np.testing.assert_allclose(mppi.lines[2][0].get_segments()[0], [[2.0, 0.3], [2.0, 0.6]])
    assert axes.get_ylabel() == "success rate, 95 % interval"
    assert axes.lines[-1].get_xydata().tolist() == [[1.0, 0.5], [4.0, 0.5], [4.0, 0.9]]  # no corner at mppi's point


def test_evaluations_are_drawn_as_they_are_and_returns_where_success_is_unknown_or_asked_not_for() -> None:
    result = EvaluationResult((pendulum_episode(),))
    assert plot.pareto({"a": result}).containers[0].lines[0].get_ydata().tolist() == [1.0]
    axes = plot.pareto({"a": result, "b": {"plan_ms_median": 1.0, "mean_return": -3.0}})
    assert axes.get_ylabel() == "return, mean"
    assert [container.lines[0].get_ydata().tolist() for container in axes.containers] == [[-6.0], [-3.0]]
    assert plot.pareto({"a": line(1.0, 0.5)}, "return").containers[0].lines[0].get_ydata().tolist() == [-5.0]


@given(POINTS, st.booleans())
def test_whatever_is_not_on_the_front_is_beaten_by_a_corner_of_it(points: list[tuple[int, int]], lower_is_better: bool) -> None:
    front = _front(np.array(points, np.float64), lower_is_better)
    sign = -1 if lower_is_better else 1
    for milliseconds, value in points:
        assert any(x <= milliseconds and sign * y >= sign * value for x, y in front)
    assert (np.diff(front[:, 0]) >= 0).all()
    assert (sign * np.diff(front[:, 1]) >= 0).all()


def test_nothing_to_draw_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="results must have at least one evaluation, got none"):
        plot.pareto({})
    with pytest.raises(ValueError, match="mppi cannot be drawn: its evaluation has no strict_rate"):
        plot.pareto({"mppi": line(1.0, 0.5)}, "strict")
