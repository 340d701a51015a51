"""Plots draw what they are given, on axes of their own, and leave pyplot alone."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mbrl_fast import plot
from mbrl_fast.calibration import Calibration
from mbrl_fast.episode import Episode
from mbrl_fast.report.fan import Fan
from mbrl_fast.report.lot import footprint, positions

pytest.importorskip("matplotlib")

GOAL = np.array([0.06, -0.14, 0, 0, 0, -1], np.float32)
METRICS = {"success": True, "strict": True, "crash": False, "crash_after_success": False}


def straight(steps: int) -> np.ndarray:
    states = np.zeros((steps + 1, 6), np.float32)
    states[:, 0] = 0.01 * np.arange(steps + 1)
    states[:, 4] = 1
    return states


def an_episode(steps: int = 8, plans: bool = True) -> Episode:
    return Episode(
        seed=3,
        states=straight(steps),
        actions=np.zeros((steps, 2), np.float32),
        rewards=np.zeros(steps),
        plan_ms=np.ones(steps),
        env_ms=np.ones(steps),
        inputs={"goal": GOAL},
        metrics=METRICS,
        plans=[straight(5)] * steps if plans else [],
    )


def test_positions_are_metres_and_footprints_are_the_cars() -> None:
    state = np.array([0.1, -0.2, 0, 0, 0, 2.0])  # a model's sine may exceed 1; only its direction counts
    assert positions(state).tolist() == pytest.approx([10, -20])
    corners = footprint(state)
    assert corners[0] == pytest.approx(corners[-1])
    assert np.abs(corners - [10, -20]).max(0) == pytest.approx([1.0, 2.5])


def test_losses_draw_every_member_and_mark_the_weights_that_were_kept() -> None:
    epochs = np.arange(1, 11, dtype=float)[:, None]
    history = SimpleNamespace(train_loss=1 / epochs * [[1, 2]], validation_loss=2 / epochs * [[1, 2]], best_epoch=np.array([9, 4]))
    axes = plot.losses(history)
    assert len(axes.lines) == 5
    assert axes.lines[-1].get_ydata().tolist() == pytest.approx([0.2, 0.8])
    assert axes.get_yscale() == "log"


def test_a_likelihood_may_be_negative_and_is_drawn_all_the_same() -> None:
    losses = np.linspace(2.0, -3.0, 10)[:, None]
    axes = plot.losses(SimpleNamespace(train_loss=losses, validation_loss=losses + 0.5, best_epoch=np.array([9])))
    assert axes.get_yscale() == "linear"
    assert axes.get_ylabel().startswith("negative log likelihood")
    assert axes.get_ylim()[0] < -3.0


def test_calibration_has_a_line_for_every_entry_and_the_diagonal() -> None:
    measured = Calibration(np.array([0.5, 0.9]), np.array([[0.4, 0.7], [0.8, 0.95]]), np.array([1.3, 0.8]), 1.0, 1234)
    axes = plot.calibration(measured, ("angle", "speed"))
    diagonal, angle, speed = axes.lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 1]
    assert angle.get_xdata().tolist() == [0.5, 0.9]
    assert speed.get_ydata().tolist() == [0.7, 0.95]
    assert [angle.get_label(), speed.get_label()] == ["angle: errors 1.30 std", "speed: errors 0.80 std"]
    assert "1,234 steps" in axes.get_title()
    assert plot.calibration(measured).lines[1].get_label().startswith("entry 0")


def test_open_loop_errors_are_drawn_over_seconds() -> None:
    axes = plot.open_loop(SimpleNamespace(open_loop={"position (m)": np.array([0.1, 0.2])}), dt=0.2)
    assert axes.lines[0].get_xdata().tolist() == pytest.approx([0.2, 0.4])
    assert plot.open_loop(SimpleNamespace(open_loop={}), dt=0.2).get_legend() is None


def test_the_fan_draws_prediction_over_reality_in_one_colour_and_tells_the_error() -> None:
    real = np.stack([straight(4)] * 6)
    predicted = real + np.array([0, 0.03, 0, 0, 0, 0], np.float32)
    measured = Fan([f"action {i}" for i in range(6)], predicted, real)
    assert measured.error_m() == pytest.approx([3] * 6, rel=1e-5)
    axes = plot.fan(measured)
    assert "3.00 m" in axes.get_title()
    solid, dashed = (line for line in axes.lines if line.get_marker() in "ox" and line.get_color() == "#0072B2")
    assert dashed.get_ydata() - solid.get_ydata() == pytest.approx(3, rel=1e-5)


@pytest.mark.parametrize("plans", [True, False])
def test_the_episode_plot_shows_goal_path_and_plans(plans: bool) -> None:
    from matplotlib.colors import same_color

    axes = plot.episode(an_episode(plans=plans), plans=4)
    labels = axes.get_legend_handles_labels()[1]
    assert labels == (["goal", "planned", "driven"] if plans else ["goal", "driven"])
    assert sum(same_color(line.get_color(), "#D55E00") for line in axes.lines) == (4 if plans else 0)
    assert axes.get_title() == "seed 3: parked, at rest after 8 steps"
    bottom, top = axes.get_ylim()
    assert bottom > top  # y points down, as on highway-env's screen


def test_a_plan_is_drawn_on_the_axes_it_is_given() -> None:
    from matplotlib.figure import Figure

    given = Figure().add_subplot()
    assert plot.plan(SimpleNamespace(states=straight(5)), goal=GOAL, axes=given) is given
    assert given.lines


def test_pictures_are_written_without_pyplot(tmp_path: Path) -> None:
    before = "matplotlib.pyplot" in sys.modules
    plot.save(plot.episode(an_episode()), tmp_path / "episode.png")
    assert (tmp_path / "episode.png").read_bytes().startswith(b"\x89PNG")
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_a_negative_number_of_plans_is_refused() -> None:
    with pytest.raises(ValueError, match="plans must be >= 0, got -1"):
        plot.episode(an_episode(), plans=-1)
