"""A film of tasks that are a few sticks, cart-poles and the reacher: drawn from the state, with the planned way of the tip."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.report.video import GOAL, PLANNED, SMOOTH
from mbrl_fast.tasks.cartpole_swingup import POLE_LENGTH
from mbrl_fast.tasks.reacher import UPPER, tip

WIDTH, HEIGHT = 640, 400
"""Pixels, multiples of 16: sizes that the video codec wants."""
PAPER, INK, STICK = (255, 255, 255), (40, 40, 40), (0, 114, 178)
States = NDArray[np.float32]
Points = NDArray[np.float64]


class StickCamera:
    """Films episodes, one frame a step; see `mbrl_fast.report.video.open_video`. A subclass says what a state looks like."""

    size: ClassVar[tuple[int, int]] = (WIDTH, HEIGHT)
    fps: ClassVar[int]
    half_width: ClassVar[float]
    """Metres from the middle of the picture to its sides."""
    rail: ClassVar[float] = 0.0
    """Metres from the middle to either end of the rail; 0 where there is none."""

    def __init__(self, write: Any) -> None:
        self._write = write
        self._frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self._goal: Points | None = None

    @staticmethod
    def joints(states: States) -> Points:
        """Ends of the sticks, [..., K, 2] metres to the right and up, of states [..., S]; the last one is the tip."""
        raise NotImplementedError

    def goal(self, env: Any) -> Points | None:
        """Where the tip should be, [2] metres, in an environment that has just been reset."""
        return None

    def start(self, env: Any) -> None:
        """Point the camera at an environment that has just been reset."""
        self._goal = self.goal(env)

    def shoot(self, states: States | None, caption: str) -> None:
        """Take one frame of the first of these states, with the way of the tip through all. None holds the frame for 1 s."""
        if states is not None:
            self._frame = self._draw(states, caption)
        for _ in range(1 if states is not None else self.fps):
            self._write(self._frame)

    def _draw(self, states: States, caption: str) -> NDArray[np.uint8]:
        from PIL import Image, ImageDraw, ImageFont

        picture = Image.new("RGB", (SMOOTH * WIDTH, SMOOTH * HEIGHT), PAPER)
        draw = ImageDraw.Draw(picture)
        sticks = self.pixels(self.joints(states[0]))
        if self.rail:
            draw.line([tuple(end) for end in self.pixels(np.array([[-self.rail, 0.0], [self.rail, 0.0]]))], INK, SMOOTH * 2)
            draw.rectangle([*(sticks[0] - SMOOTH * np.array([24, 12])), *(sticks[0] + SMOOTH * np.array([24, 12]))], fill=INK)
        if self._goal is not None:
            _dot(draw, self.pixels(self._goal), 9, GOAL)
        draw.line([tuple(joint) for joint in sticks], STICK, SMOOTH * 8, joint="curve")
        _dot(draw, sticks[-1], 6, STICK)
        if np.isfinite(states).all():
            draw.line([tuple(point) for point in self.pixels(self.joints(states)[..., -1, :])], PLANNED, SMOOTH * 3)
        draw.text((SMOOTH * 14, SMOOTH * 12), caption, fill=INK, font=ImageFont.load_default(size=SMOOTH * 17))
        return np.asarray(picture.reduce(SMOOTH))

    def pixels(self, points: Points) -> Points:
        """Places in the picture while it is drawn, `SMOOTH` times larger than it will be: metres [..., 2] -> [..., 2]."""
        scale = WIDTH / 2 / self.half_width
        return SMOOTH * (np.array([WIDTH, HEIGHT]) / 2 + scale * points * [1.0, -1.0])


def _dot(draw: Any, middle: Points, radius: float, color: tuple[int, int, int]) -> None:
    reach = SMOOTH * radius
    draw.ellipse([*(middle - reach), *(middle + reach)], fill=color)


def _pole(position: States, angle: NDArray[np.floating], length: float) -> Points:
    """A pole on a cart, the angle from upright: positions and angles [...] -> [..., 2, 2]."""
    cart = np.stack([position, np.zeros_like(position)], axis=-1).astype(np.float64)
    return np.stack([cart, cart + length * np.stack([np.sin(angle), np.cos(angle)], axis=-1)], axis=-2)


class CartPoleCamera(StickCamera):
    """Films the balanced cart-pole."""

    fps, half_width, rail = 50, 2.6, 2.4

    @staticmethod
    def joints(states: States) -> Points:
        return _pole(states[..., 0], states[..., 2], 1.0)


class InvertedPendulumCamera(StickCamera):
    """Films the inverted pendulum."""

    fps, half_width, rail = 25, 1.2, 1.0

    @staticmethod
    def joints(states: States) -> Points:
        return _pole(states[..., 0], states[..., 1], POLE_LENGTH)


class SwingUpCamera(StickCamera):
    """Films the cart-pole that is swung up; its angle is from hanging."""

    fps, half_width, rail = 25, 2.7, 2.5

    @staticmethod
    def joints(states: States) -> Points:
        return _pole(states[..., 0], states[..., 1] + np.pi, POLE_LENGTH)

    def goal(self, env: Any) -> Points | None:
        return np.array([0.0, POLE_LENGTH])


class ReacherCamera(StickCamera):
    """Films the reacher, from above."""

    fps, half_width = 50, 0.36

    @staticmethod
    def joints(states: States) -> Points:
        end = tip(states)
        elbow = UPPER * np.stack([np.cos(states[..., 0]), np.sin(states[..., 0])], axis=-1)
        return np.stack([np.zeros_like(end), elbow, end], axis=-2)

    def goal(self, env: Any) -> Points | None:
        return np.array(env.unwrapped.data.qpos[2:4])
