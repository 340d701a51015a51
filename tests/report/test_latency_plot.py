"""The histogram of plan times."""

from __future__ import annotations

import numpy as np
import pytest
from records import pendulum_episode

from mbrl_fast import plot
from mbrl_fast.evaluation import EvaluationResult

pytest.importorskip("matplotlib")


def test_median_p99_and_deadline_are_marked_and_the_legend_says_how_many_are_late() -> None:
    times = np.linspace(1.0, 11.0, 101)
    axes = plot.latency(times, deadline_ms=10.0)
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["plans", "p50: 6 ms", "p99: 10.9 ms", "deadline 10 ms: 9.90% later"]
    assert [line.get_xdata()[0] for line in axes.lines] == pytest.approx([6.0, 10.9, 10.0])
    assert sum(patch.get_height() for patch in axes.patches) == pytest.approx(1.0)
    (done,) = axes.figure.axes[1].lines
    assert done.get_ydata()[[0, 50, 100]] == pytest.approx([1 / 101, 51 / 101, 1.0])


def test_an_evaluation_is_drawn_without_the_first_plan_of_an_episode() -> None:
    axes = plot.latency(EvaluationResult((pendulum_episode(), pendulum_episode(4))))
    assert axes.get_title() == "10 plans"
    assert not [label for label in axes.get_legend_handles_labels()[1] if "deadline" in label]


def test_one_plan_is_enough_and_given_axes_are_drawn_on() -> None:
    from matplotlib.figure import Figure

    given = Figure().add_subplot()
    assert plot.latency([2.0], axes=given) is given
    assert given.get_title() == "1 plans"


@pytest.mark.parametrize("times", [[], [1.0, np.nan], [0.0, 1.0]])
def test_times_that_are_none_are_refused(times: list[float]) -> None:
    with pytest.raises(ValueError, match="plan_ms must be some finite numbers > 0, got"):
        plot.latency(times)


@pytest.mark.parametrize("deadline", [0.0, float("inf"), float("nan")])
def test_a_deadline_that_is_none_is_refused(deadline: float) -> None:
    with pytest.raises(ValueError, match="deadline_ms must be > 0 and finite"):
        plot.latency([1.0], deadline_ms=deadline)
