"""A film of an episode: highway-env's own picture of the lot, and over it, at each step, the path that is planned.

The camera stands above the centre of the lot and shows all of it. Positions become pixels by the viewer's own
transformation, so that the overlay lies where the car is drawn.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.episode import CameraLike
from mbrl_fast.report.lot import footprint, outline, positions

if TYPE_CHECKING:
    from collections.abc import Iterator

SCREEN = {"screen_width": 1040, "screen_height": 640, "scaling": 14.0, "offscreen_rendering": True}
"""The lot is 71 m × 43 m; both sizes are multiples of 16, as the video codec wants them."""
SMOOTH = 2
"""The overlay is drawn so many times larger and scaled down: Pillow's lines have no smooth edges of their own."""
FPS = 15
"""highway-env's simulation frequency: a film in real time."""
PLANNED, DRIVEN, GOAL, TEXT = (255, 176, 0), (255, 255, 255), (100, 200, 255), (235, 235, 235)


class FilmLike(CameraLike, Protocol):
    """What a video asks of a camera: the size of its frames [width, height], multiples of 16, and how many a second."""

    size: ClassVar[tuple[int, int]]
    fps: ClassVar[int]

    def __init__(self, write: Any) -> None:
        """`write` takes a frame, [height, width, 3] bytes."""


class Camera:
    """Films episodes of parking into an open video; see `open_video`. One frame for each of the simulator's substeps.

    highway-env offers its substeps to an object that has `_capture_frame`, meant for gymnasium's RecordVideo; the
    camera stands in for it.
    """

    size: ClassVar[tuple[int, int]] = (1040, 640)
    fps: ClassVar[int] = FPS

    def __init__(self, write: Any) -> None:
        self._write = write
        self._env: Any = None
        self._plan: NDArray[np.float32] | None = None
        self._goal = np.zeros((0, 2))
        self._driven: list[NDArray[np.float64]] = []
        self._caption = ""
        self.frames_per_sec = FPS

    def start(self, env: Any) -> None:
        """Point the camera at an environment that has just been reset. Nothing may have been rendered yet."""
        self._env = env.unwrapped
        self._env.config.update(SCREEN)
        with no_display():
            env.render()
        viewer = self._env.viewer
        viewer.enabled = True  # it switches itself off when there is no display, though it draws into memory
        viewer.observer_vehicle = SimpleNamespace(position=np.zeros(2))
        self._env.set_record_video_wrapper(self)
        self.frames_per_sec = FPS
        goal = self._env.vehicle.goal
        self._goal = outline(goal.position, np.cos(goal.heading), np.sin(goal.heading))
        self._plan, self._driven, self._caption = None, [], ""

    def shoot(self, states: NDArray[np.float32] | None, caption: str) -> None:
        """Take one frame now, and show this plan on the frames until the next. None holds the last frame for 1 s."""
        self._plan, self._caption = states, caption
        for _ in range(1 if states is not None else FPS):
            self._capture_frame()

    def _capture_frame(self) -> None:
        self._driven.append(np.array(self._env.vehicle.position))
        frame = self._env.render()
        self._write(self._overlay(frame))

    def _overlay(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from PIL import Image, ImageDraw, ImageFont

        height, width = frame.shape[:2]
        layer = Image.new("RGBA", (SMOOTH * width, SMOOTH * height))
        draw = ImageDraw.Draw(layer)
        self._line(draw, self._goal, (*GOAL, 255), 2)
        self._line(draw, np.array(self._driven), (*DRIVEN, 150), 2)
        if self._plan is not None:
            self._draw_plan(draw, self._plan)
        caption = f"{self._env.time:5.1f} s   {3.6 * self._env.vehicle.speed:5.1f} km/h   {self._caption}"
        font = ImageFont.load_default(size=SMOOTH * 17)
        draw.text((SMOOTH * 46, SMOOTH * 38), caption, fill=(*TEXT, 255), font=font)
        picture = Image.fromarray(frame).convert("RGBA")
        picture.alpha_composite(layer.reduce(SMOOTH))
        return np.asarray(picture.convert("RGB"))

    def _draw_plan(self, draw: Any, plan: NDArray[np.float32]) -> None:
        path = positions(plan)
        alphas = np.linspace(255, 90, max(len(path) - 1, 1)).astype(int)
        for begin, end, alpha in zip(path[:-1], path[1:], alphas, strict=True):
            self._line(draw, np.array([begin, end]), (*PLANNED, int(alpha)), 4)
        self._line(draw, footprint(plan[-1]), (*PLANNED, 160), 2)

    def _line(self, draw: Any, points: NDArray[np.float64], color: tuple[int, ...], width: int) -> None:
        if len(points) > 1 and np.isfinite(points).all():
            pixels = [tuple(pixel) for pixel in self._pixels(points)]
            draw.line(pixels, fill=color, width=SMOOTH * width, joint="curve")

    def _pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give pixels of the overlay, [n, 2], for metres [n, 2]; as the viewer's `pos2pix`, unrounded."""
        surface = self._env.viewer.sim_surface
        pixels: NDArray[np.float64] = SMOOTH * (points - surface.origin) * surface.scaling
        return pixels


@contextmanager
def open_video(path: Path, camera: type[FilmLike] = Camera) -> Iterator[FilmLike]:
    """Open an mp4 file and give the camera that films into it. The file is complete when the block ends.

    Args:
        path: of the file. camera: which films; `report.swing.SwingCamera` the pendulum.

    Raises ImportError with a sentence if imageio-ffmpeg is missing.
    """
    try:
        from imageio_ffmpeg import write_frames  # type: ignore[import-untyped]
    except ImportError:
        raise ImportError('videos need imageio-ffmpeg: pip install "mbrl-fast[envs]"') from None
    writer = write_frames(str(path), camera.size, fps=camera.fps, codec="libx264", quality=8, macro_block_size=16)
    writer.send(None)
    try:
        yield camera(lambda frame: writer.send(np.ascontiguousarray(frame)))
    finally:
        writer.close()


@contextmanager
def no_display() -> Iterator[None]:
    """Let pygame start where there is no screen, and leave the environment variable as it was."""
    before = os.environ.get("SDL_VIDEODRIVER")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    try:
        yield
    finally:
        if before is None:
            del os.environ["SDL_VIDEODRIVER"]
