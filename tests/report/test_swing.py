"""The pendulum's plot, and a film that shows the arc where the rod will go."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mbrl_fast import plot
from mbrl_fast.agent import Agent
from mbrl_fast.episode import Episode, run_episode
from mbrl_fast.report.film import FILMED, film
from mbrl_fast.report.swing import FPS, ROD, SIZE, SwingCamera, tips
from mbrl_fast.report.video import PLANNED
from mbrl_fast.tasks import TASKS, Pendulum

pytest.importorskip("matplotlib")


def states(*degrees: float) -> np.ndarray:
    theta = np.deg2rad(degrees)
    return np.stack([np.cos(theta), np.sin(theta), 0 * theta], axis=-1).astype(np.float32)


class Over:
    """No torque; intends to bring the rod from upright over its left side to hanging."""

    def reset(self) -> None:
        pass

    def plan(self, state: Any) -> SimpleNamespace:
        return SimpleNamespace(action=np.zeros(1, np.float32), states=states(*range(0, 181, 10)))


def an_episode(*degrees: float, plans: bool = True) -> Episode:
    steps = len(degrees) - 1
    return Episode(
        seed=3, states=states(*degrees), actions=np.zeros((steps, 1), np.float32), rewards=np.zeros(steps), plan_ms=np.ones(steps),
        env_ms=np.ones(steps), inputs={}, metrics={"return": -12.34, "success": True},
        plans=[states(170, -170, -150)] * steps if plans else [],
    )  # fmt: skip


def test_the_plot_shows_angle_velocity_and_torque_over_seconds() -> None:
    top = plot.swing(an_episode(180, 90, 0, 0), plans=2)
    assert top.get_title() == "seed 3: success, return -12.3 after 3 steps"
    names = [axes.get_ylabel() for axes in top.figure.axes]
    assert names == ["angle from upright [°]", "velocity [rad/s]", "torque [N·m]"]
    assert top.get_legend_handles_labels()[1] == ["planned", "swung"]
    swung = next(line for line in top.lines if line.get_label() == "swung")
    np.testing.assert_allclose(swung.get_xdata(), [0, 0.05, 0.1, 0.15])
    np.testing.assert_allclose(np.abs(swung.get_ydata()), [180, 90, 0, 0], atol=1e-4)


def test_no_line_joins_the_two_names_of_the_lowest_point() -> None:
    top = plot.swing(an_episode(170, -170, -160), plans=0)
    swung = next(line for line in top.lines if line.get_label() == "swung")
    np.testing.assert_allclose(swung.get_ydata(), [170, np.nan, -170, -160], atol=1e-4)
    assert top.get_legend_handles_labels()[1] == ["swung"]


def test_an_episode_without_plans_is_drawn_and_a_negative_number_refused() -> None:
    assert plot.swing(an_episode(0, 0, plans=False)).get_legend_handles_labels()[1] == ["swung"]
    with pytest.raises(ValueError, match="plans must be >= 0, got -1"):
        plot.swing(an_episode(0, 0), plans=-1)


def test_the_planned_arc_begins_where_the_renderer_draws_the_rods_end() -> None:
    frames: list[np.ndarray] = []
    task = Pendulum()
    env = task.make_env(render_mode="rgb_array")
    camera = SwingCamera(frames.append)
    for theta in (0.3, 2.0, -1.2):
        env.reset(seed=0)
        env.unwrapped.state = np.array([theta, 0.0])
        camera.start(env)
        camera.shoot(states(np.rad2deg(theta)), "")
        red = np.argwhere((np.abs(frames[-1].astype(int) - (204, 77, 77)) < 30).all(-1))[:, ::-1]  # gymnasium's colour of the rod
        end = tips(states(np.rad2deg(theta)))[0]
        along = (end - SIZE / 2) / ROD
        reach = ((red - SIZE / 2) @ along).max()
        assert ROD < reach < 1.2 * ROD  # the rod is drawn with a round end
        assert np.linalg.norm(red - end, axis=1).min() < 3
    env.close()


def test_there_is_a_frame_for_each_step_with_its_plan_and_the_end_is_held() -> None:
    pytest.importorskip("PIL")
    frames: list[np.ndarray] = []
    run_episode(Agent(Over(), Pendulum()), Pendulum(), seed=3, max_steps=4, camera=SwingCamera(frames.append))
    assert len(frames) == 4 + FPS
    assert {frame.shape for frame in frames} == {(SIZE, SIZE, 3)}
    orange = np.argwhere((np.abs(frames[0].astype(int) - PLANNED) < 60).all(-1))
    assert orange[:, 1].max() < SIZE / 2 + 8  # the left half of the circle alone
    assert (np.abs(np.linalg.norm(orange - SIZE / 2, axis=1) - ROD) < 6).mean() > 0.95


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # imageio-ffmpeg's reader leaves its pipes
def test_evaluate_films_and_plots_the_first_episode(tmp_path: Path) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    pytest.importorskip("tyro")
    from mbrl_fast.cli import main

    run = str(tmp_path / "run")
    assert main(["train", "--task", "pendulum", "--out", run, "--rounds", "0", "--members", "1", "--epochs", "1"]) == 0
    assert main(["evaluate", run, "--episodes", "1", "--max-steps", "3", "--film", "--json"]) == 0
    reader = imageio_ffmpeg.read_frames(f"{run}/plots/episode.mp4")
    information = next(reader)
    assert (information["size"], information["fps"]) == ((SIZE, SIZE), FPS)
    assert sum(1 for _ in reader) == 3 + FPS
    assert (tmp_path / "run" / "plots" / "episode.png").read_bytes().startswith(b"\x89PNG")


def test_tasks_are_filmed_by_their_names_and_another_is_refused(tmp_path: Path) -> None:
    assert set(FILMED) <= set(TASKS)
    unknown = SimpleNamespace(name="flying")
    with pytest.raises(ValueError, match=r"^only parking, .*, reacher can be filmed, got the task flying$"):
        film(None, unknown, 0, tmp_path)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
