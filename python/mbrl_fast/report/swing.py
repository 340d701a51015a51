"""An episode of the pendulum: its plot over time, and a film with the arc that is planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.episode import Episode, outcome
from mbrl_fast.report.canvas import COLORS, GREY, new_figure
from mbrl_fast.report.video import PLANNED, SMOOTH, no_display
from mbrl_fast.tasks.pendulum import Pendulum, angle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE, FPS = 512, 20
"""Pixels and frames per second: a film in real time, in sizes that the video codec wants."""
ROD = SIZE / 4.4
"""Pixels of the rod: gymnasium's window is 4.4 m wide, the rod 1 m long."""
INK = (40, 40, 40)


def swing(record: Episode, plans: int = 12) -> Axes:
    """Draw an episode of the pendulum over time: angle, velocity and torque, one below the other.

    Args:
        record: from `run_episode`; with `record=True` it holds the plans, whose angles are drawn too.
        plans: how many of the plans to draw, spread evenly over the episode.

    Returns:
        the uppermost axes; its figure holds all three.
    """
    if plans < 0:
        raise ValueError(f"plans must be >= 0, got {plans}")
    figure = new_figure(8.0, 6.0)
    axes: list[Axes] = list(figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1)))
    top, middle, bottom = axes
    seconds = Pendulum.dt * np.arange(len(record.states), dtype=np.float64)
    count = plans if record.plans else 0
    for number, index in enumerate(np.unique(np.linspace(0, len(record.plans) - 1, count).astype(int))):
        ahead = record.plans[index]
        curve = _unbroken(seconds[index] + Pendulum.dt * np.arange(len(ahead), dtype=np.float64), ahead)
        top.plot(*curve, color=COLORS[1], linewidth=0.9, alpha=0.6, label="planned" if number == 0 else None)
    top.plot(*_unbroken(seconds, record.states), color=COLORS[0], linewidth=2, label="swung")
    middle.plot(seconds, record.states[:, 2], color=COLORS[0])
    bottom.step(seconds[:-1], record.actions[:, 0], where="post", color=COLORS[2])
    for each, name in zip(axes, ("angle from upright [°]", "velocity [rad/s]", "torque [N·m]"), strict=True):
        each.axhline(0.0, color=GREY, linewidth=0.8, zorder=0)
        each.set_ylabel(name)
    top.set_ylim(-190, 190)
    top.set_yticks(range(-180, 181, 90))
    bottom.set_xlabel("time [s]")
    bottom.set_xlim(0, seconds[-1])
    end = f"{outcome(record.metrics)}, return {record.metrics['return']:.1f}"
    top.set_title(f"seed {record.seed}: {end} after {len(record.actions)} steps")
    top.legend(loc="upper right", fontsize="small", ncols=2)
    return top


def _unbroken(seconds: NDArray[np.float64], states: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times and degrees, with a gap where the rod passes the lowest point: no line from 180° to −180°."""
    degrees = np.rad2deg(angle(states))
    at = np.flatnonzero(np.abs(np.diff(degrees)) > 180) + 1
    return np.insert(seconds, at, np.nan), np.insert(degrees, at, np.nan)


def tips(states: NDArray[np.float32]) -> NDArray[np.float64]:
    """Where the rod's end is in the picture, [n, 2] pixels from its upper left corner, for states [n, 3]."""
    theta = angle(states)
    return SIZE / 2 - ROD * np.stack([np.sin(theta), np.cos(theta)], axis=-1)


class SwingCamera:
    """Films episodes of the pendulum, one frame a step; see `mbrl_fast.report.video.open_video`."""

    size: ClassVar[tuple[int, int]] = (SIZE, SIZE)
    fps: ClassVar[int] = FPS

    def __init__(self, write: Any) -> None:
        self._write = write
        self._env: Any = None

    def start(self, env: Any) -> None:
        """Point the camera at an environment that has just been reset."""
        self._env = env

    def shoot(self, states: NDArray[np.float32] | None, caption: str) -> None:
        """Take one frame, with the arc of this plan. None holds the frame for 1 s."""
        frame = self._frame(states, caption)
        for _ in range(1 if states is not None else FPS):
            self._write(frame)

    def _frame(self, plan: NDArray[np.float32] | None, caption: str) -> NDArray[np.uint8]:
        from PIL import Image, ImageDraw, ImageFont

        with no_display():
            picture = Image.fromarray(self._env.render()).resize((SIZE, SIZE)).convert("RGBA")
        layer = Image.new("RGBA", (SMOOTH * SIZE, SMOOTH * SIZE))
        draw = ImageDraw.Draw(layer)
        if plan is not None and len(plan) > 1 and np.isfinite(plan).all():
            path = SMOOTH * tips(plan)
            alphas = np.linspace(255, 60, len(path) - 1).astype(int)
            pieces = list(zip(path[:-1], path[1:], alphas, strict=True))
            for begin, end, alpha in reversed(pieces):  # where the rod comes twice, the nearer future is seen
                draw.line([tuple(begin), tuple(end)], fill=(*PLANNED, int(alpha)), width=SMOOTH * 4)
        draw.text((SMOOTH * 14, SMOOTH * 12), caption, fill=(*INK, 255), font=ImageFont.load_default(size=SMOOTH * 17))
        picture.alpha_composite(layer.reduce(SMOOTH))
        return np.asarray(picture.convert("RGB"))
