"""One episode for the run folder: a film and a picture, as the task wants them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mbrl_fast.agent import Agent
from mbrl_fast.episode import Episode, run_episode
from mbrl_fast.report.canvas import save
from mbrl_fast.report.episode_plot import episode
from mbrl_fast.report.swing import SwingCamera, swing
from mbrl_fast.report.video import Camera, FilmLike, open_video


def film(agent: Agent, task: Any, seed: int, folder: Path, max_steps: int | None = None) -> Episode:
    """Drive one episode and leave `episode.mp4` and `episode.png` in a folder.

    Args:
        agent, task, seed, max_steps: see `run_episode`. folder: there must be one.
    """
    camera: type[FilmLike] = SwingCamera if task.name == "pendulum" else Camera
    with open_video(folder / "episode.mp4", camera) as open_camera:
        filmed = run_episode(agent, task, seed, max_steps, record=True, camera=open_camera)
    save(swing(filmed) if task.name == "pendulum" else episode(filmed), folder / "episode.png")
    return filmed
