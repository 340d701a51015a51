"""One episode for the run folder: a film and a picture, as the task wants them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mbrl_fast.agent import Agent
from mbrl_fast.episode import Episode, run_episode
from mbrl_fast.report.canvas import save
from mbrl_fast.report.episode_plot import episode
from mbrl_fast.report.sticks import CartPoleCamera, InvertedPendulumCamera, ReacherCamera, SwingUpCamera
from mbrl_fast.report.swing import SwingCamera
from mbrl_fast.report.video import Camera, FilmLike, open_video

FILMED: dict[str, type[FilmLike]] = {
    "parking": Camera,
    "parking-parked": Camera,
    "pendulum": SwingCamera,
    "cartpole": CartPoleCamera,
    "cartpole-swingup": SwingUpCamera,
    "inverted-pendulum": InvertedPendulumCamera,
    "reacher": ReacherCamera,
}
"""By the task's name: which camera films it."""


def film(agent: Agent, task: Any, seed: int, folder: Path, max_steps: int | None = None) -> Episode:
    """Drive one episode and leave `episode.mp4` and `episode.png` in a folder.

    Args:
        agent, task, seed, max_steps: see `run_episode`. folder: there must be one.

    Raises ValueError for a task that nobody films, before anything is driven.
    """
    if task.name not in FILMED:
        raise ValueError(f"only {', '.join(FILMED)} can be filmed, got the task {task.name}")
    video = folder / "episode.mp4"
    with open_video(video, FILMED[task.name]) as camera:
        filmed = run_episode(agent, task, seed, max_steps, record=True, camera=camera)
    save(episode(filmed), folder / "episode.png")
    return replace(filmed, video=video)
