"""Learning curves: what is drawn is what the runs say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mbrl_fast import plot
from mbrl_fast.report.learning_curve import Curve, common_steps, interval
from mbrl_fast.run import Run


def curve(steps: list[int], returns: list[float]) -> Curve:
    return Curve(np.array(steps), np.array(returns))


def test_one_run_is_drawn_as_it_is() -> None:
    axes = plot.learning_curve([curve([200, 400], [-900.0, -150.0])])
    (line,) = axes.get_lines()
    assert line.get_xdata().tolist() == [200, 400]
    assert line.get_ydata().tolist() == [-900, -150]
    assert axes.get_xlabel() == "real steps"
    assert axes.get_legend() is None


def test_a_run_folder_is_drawn_from_its_metrics(tmp_path: Path) -> None:
    Run(tmp_path).log("explore", step=200, **{"return": -1500.0})
    with pytest.raises(ValueError, match="has no trials to draw"):
        plot.learning_curve([tmp_path])
    for step in (400, 600):
        Run(tmp_path).log("trial", step=step, **{"return": -float(step)})
    (line,) = plot.learning_curve([str(tmp_path)]).get_lines()
    assert line.get_xydata().tolist() == [[400, -400], [600, -600]]


def test_several_runs_are_a_mean_with_an_interval() -> None:
    runs = [curve([200, 400], [-900.0, -100.0]), curve([200, 400], [-700.0, -200.0])]
    axes = plot.learning_curve({"PETS": runs, "random shooting": runs[:1]})
    lines = axes.get_lines()
    assert len(lines) == 4
    assert lines[2].get_ydata().tolist() == [-800, -150]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["PETS: mean of 2 runs, 95% interval", "random shooting"]


def test_episodes_of_different_length_are_compared_at_the_same_real_steps() -> None:
    runs = [curve([10, 20, 40], [0.0, 10.0, 30.0]), curve([20, 50], [5.0, 35.0])]
    steps, returns = common_steps(runs)
    assert steps.tolist() == [20, 40]
    assert returns.tolist() == [[10, 30], [5, 25]]


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for repeat in range(200):
        low, high = interval(generator.normal(3.0, 2.0, 20), seed=repeat)
        covered += bool(low <= 3.0 <= high)
    assert 0.85 < covered / 200 <= 1.0
    low, high = interval(np.array([[1.0, 2.0]]))
    assert low.tolist() == high.tolist() == [1, 2]


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="needs runs with at least one trial each"):
        common_steps([curve([], [])])
    with pytest.raises(ValueError, match="level must be between 0 and 1, got level=95"):
        interval(np.zeros(3), level=95)
