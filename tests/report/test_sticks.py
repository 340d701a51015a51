"""Films of cart-poles and the reacher: sticks where the simulator has them, and the way of the tip."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mbrl_fast.agent import Agent
from mbrl_fast.episode import run_episode
from mbrl_fast.report.film import FILMED, film
from mbrl_fast.report.over_time import over_time
from mbrl_fast.report.sticks import HEIGHT, STICK, WIDTH, StickCamera
from mbrl_fast.report.video import PLANNED, SMOOTH
from mbrl_fast.tasks import TASKS

NAMES = [name for name, camera in FILMED.items() if issubclass(camera, StickCamera)]
pytest.importorskip("PIL")


class Still:
    """No force; intends to stay for three steps."""

    def __init__(self, task: Any) -> None:
        self.action = np.zeros(task.action_size, np.float32)

    def reset(self) -> None: ...

    def plan(self, state: Any, **inputs: Any) -> SimpleNamespace:
        return SimpleNamespace(action=self.action, states=np.stack([state] * 4))


def test_these_tasks_are_filmed_as_sticks() -> None:
    assert NAMES == ["cartpole", "cartpole-swingup", "inverted-pendulum", "reacher"]


@pytest.mark.parametrize(("name", "bodies"), [("cartpole-swingup", None), ("inverted-pendulum", None), ("reacher", "fingertip")])
def test_the_tip_is_where_the_simulator_has_it(name: str, bodies: str | None) -> None:
    task, camera = TASKS[name](), FILMED[name]
    assert issubclass(camera, StickCamera)
    env = task.make_env()
    env.reset(seed=0)
    data, model = env.unwrapped.data, env.unwrapped.model
    for angle in (0.7, -2.0):
        qpos = env.unwrapped.init_qpos.copy()
        qpos[:2] = 0.3, angle
        env.unwrapped.set_state(qpos, 0 * env.unwrapped.init_qvel)
        if bodies:
            expected = data.body(bodies).xpos[:2]
        else:  # the pole's capsule: its middle is half way to the tip
            pole = next(i for i in range(model.ngeom) if "pole" in model.geom(i).name)
            expected = (2 * data.geom_xpos[pole] - data.body("cart").xpos)[[0, 2]]
        state = np.array([0.3, angle, 0, 0], np.float32)
        np.testing.assert_allclose(camera.joints(state)[-1], expected, atol=2e-3)
    env.close()


@pytest.mark.parametrize("name", NAMES)
def test_there_is_a_frame_for_each_step_and_the_end_is_held(name: str) -> None:
    task, frames, camera = TASKS[name](), list[np.ndarray](), FILMED[name]
    run_episode(Agent(Still(task), task), task, seed=3, max_steps=3, camera=camera(frames.append))
    assert len(frames) == 3 + camera.fps
    assert camera.fps == pytest.approx(1 / task.dt)
    assert {frame.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    np.testing.assert_array_equal(frames[2], frames[-1])


@pytest.mark.parametrize("name", NAMES)
def test_the_stick_and_the_way_of_its_tip_are_in_the_picture(name: str) -> None:
    frames, camera = list[np.ndarray](), FILMED[name]
    filming = camera(frames.append)
    states = np.zeros((5, 4), np.float32)
    states[:, 0] = np.linspace(0, 0.5, 5)
    filming.shoot(states, "")
    for color, place in ((STICK, camera.joints(states[0]).mean(-2)), (PLANNED, camera.joints(states)[3, -1])):
        found = np.argwhere((np.abs(frames[0].astype(int) - color) < 60).all(-1))[:, ::-1]
        assert np.linalg.norm(found - filming.pixels(place) / SMOOTH, axis=1).min() < 6


def test_the_plot_has_a_row_for_every_number_with_its_unit() -> None:
    pytest.importorskip("matplotlib")
    task = TASKS["reacher"]()
    record = run_episode(Agent(Still(task), task), task, seed=3, max_steps=4, record=True)
    top = over_time(record, task, plans=2)
    rows = top.figure.axes
    assert [axes.get_ylabel() for axes in (*rows[:2], rows[-1])] == ["θ1 [rad]", "θ2 [rad]", "torque 2 [1]"]
    assert len(rows) == 6
    assert top.get_title("left").startswith("seed 3: no success, return -")
    driven = top.lines[-2]
    np.testing.assert_allclose(driven.get_xdata(), [0, 0.02, 0.04, 0.06, 0.08])
    np.testing.assert_allclose(driven.get_ydata(), record.states[:, 0])
    with pytest.raises(ValueError, match="plans must be >= 0, got -1"):
        over_time(record, task, plans=-1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # imageio-ffmpeg's writer leaves its pipes
def test_a_film_and_a_plot_are_left_in_the_folder(tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg")
    task = TASKS["cartpole"]()
    film(Agent(Still(task), task), task, 0, tmp_path, max_steps=3)
    assert (tmp_path / "episode.mp4").stat().st_size > 1000
    assert (tmp_path / "episode.png").read_bytes().startswith(b"\x89PNG")
