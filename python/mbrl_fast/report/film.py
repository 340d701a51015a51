"""One episode for the run folder: a film and a picture, as the task wants them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mbrl_fast.agent import Agent
from mbrl_fast.episode import Episode, run_episode
from mbrl_fast.report.canvas import save
from mbrl_fast.report.episode_plot import episode
from mbrl_fast.report.over_time import over_time
from mbrl_fast.report.sticks import CartPoleCamera, InvertedPendulumCamera, ReacherCamera, SwingUpCamera
from mbrl_fast.report.swing import SwingCamera, swing
from mbrl_fast.report.video import Camera, FilmLike, open_video
from mbrl_fast.tasks import CartPole, CartPoleSwingUp, InvertedPendulum, Reacher

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILMED: dict[str, tuple[type[FilmLike], Callable[[Episode], Axes]]] = {
    "parking": (Camera, episode),
    "parking-parked": (Camera, episode),
    "pendulum": (SwingCamera, swing),
    "cartpole": (CartPoleCamera, partial(over_time, task=CartPole())),
    "cartpole-swingup": (SwingUpCamera, partial(over_time, task=CartPoleSwingUp())),
    "inverted-pendulum": (InvertedPendulumCamera, partial(over_time, task=InvertedPendulum())),
    "reacher": (ReacherCamera, partial(over_time, task=Reacher())),
}
"""By the task's name: which camera films it, and what draws an episode."""


def film(agent: Agent, task: Any, seed: int, folder: Path, max_steps: int | None = None) -> Episode:
    """Drive one episode and leave `episode.mp4` and `episode.png` in a folder.

    Args:
        agent, task, seed, max_steps: see `run_episode`. folder: there must be one.

    Raises ValueError for a task that nobody films, before anything is driven.
    """
    if task.name not in FILMED:
        raise ValueError(f"only {', '.join(FILMED)} can be filmed, got the task {task.name}")
    camera, picture = FILMED[task.name]
    with open_video(folder / "episode.mp4", camera) as open_camera:
        filmed = run_episode(agent, task, seed, max_steps, record=True, camera=open_camera)
    save(picture(filmed), folder / "episode.png")
    return filmed
