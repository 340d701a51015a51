"""The film: complete, in real time, and with the overlay where the car is."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mbrl_fast.agent import Agent
from mbrl_fast.episode import run_episode
from mbrl_fast.report.video import FPS, GOAL, PLANNED, SMOOTH, Camera, open_video
from mbrl_fast.tasks import Parking

pytest.importorskip("highway_env")
imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")


class Straight:
    """Full throttle ahead; intends to be at the goal at once."""

    def reset(self) -> None:
        pass

    def plan(self, state: Any, *, goal: Any) -> SimpleNamespace:
        return SimpleNamespace(action=np.array([1.0, 0.0], np.float32), states=np.stack([state, goal]))


def film(camera: Camera, steps: int) -> None:
    task = Parking()
    run_episode(Agent(Straight(), task), task, seed=3, max_steps=steps, camera=camera)


def near(frame: np.ndarray, color: tuple[int, ...], tolerance: int = 60) -> np.ndarray:
    """Mask [height, width] of the pixels close to a colour."""
    return (np.abs(frame.astype(int) - np.array(color)) < tolerance).all(-1)


def test_there_is_a_frame_for_each_substep_and_the_end_is_held() -> None:
    frames: list[np.ndarray] = []
    film(Camera(frames.append), steps=4)
    assert len(frames) == 4 * 3 + FPS
    assert {frame.shape for frame in frames} == {(640, 1040, 3)}
    assert (frames[0] != frames[1]).any()


def test_the_overlay_lies_where_the_viewer_draws() -> None:
    frames: list[np.ndarray] = []
    camera = Camera(frames.append)
    places: list[Any] = []

    def write(frame: np.ndarray) -> None:
        vehicle = camera._env.vehicle
        places.append((camera._pixels(vehicle.position[None])[0], camera._pixels(vehicle.goal.position[None])[0]))
        frames.append(frame)

    camera._write = write
    film(camera, steps=6)
    for frame, (car, goal) in list(zip(frames, places, strict=True))[:18]:
        car, goal = car / SMOOTH, goal / SMOOTH
        body = np.argwhere(near(frame, (50, 200, 0)))  # highway-env paints the ego car this green
        assert np.abs(body.mean(0)[::-1] - car).max() < 14  # 1 m: headlights and the path hide some of it
        spot = np.argwhere(near(frame, GOAL, 30))
        assert np.abs(spot.mean(0)[::-1] - goal).max() < 10
        line = np.argwhere(near(frame, PLANNED))
        ends = np.abs(line[:, None, ::-1] - np.stack([car, goal])).max(-1).min(0)
        assert ends[0] < 14 * 3  # the plan begins under the car, whose place within the step is up to 2 substeps on


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # imageio-ffmpeg's reader leaves its pipes
def test_the_file_is_a_film_in_real_time(tmp_path: Path) -> None:
    with open_video(tmp_path / "episode.mp4") as camera:
        film(camera, steps=3)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "episode.mp4"))
    information = next(reader)
    assert information["fps"] == FPS
    assert information["size"] == (1040, 640)
    assert sum(1 for _ in reader) == 3 * 3 + FPS


def test_filming_leaves_the_environment_variables_alone() -> None:
    before = dict(os.environ)
    film(Camera(lambda frame: None), steps=1)
    assert dict(os.environ) == before


def test_a_plan_that_is_not_finite_does_not_stop_the_film() -> None:
    camera = Camera(lambda frame: None)
    task = Parking()
    env = task.make_env(render_mode="rgb_array")
    env.reset(seed=0)
    camera.start(env)
    camera.shoot(np.full((5, 6), np.nan, np.float32), "")
    env.close()
