"""The car park, drawn: walls, spots, goal, cars. Everything in metres, y downwards as on highway-env's screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbrl_fast.report.canvas import GREY
from mbrl_fast.tasks.parking import SCALES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAR_LENGTH, CAR_WIDTH = 5.0, 2.0
WALL_X, WALL_Y = 35.0, 21.0
"""Centre lines of the walls, which are 1 m thick."""
SPOT_WIDTH, SPOT_NEAR, SPOT_FAR = 4.0, 10.0, 18.0
SPOT_EDGES = np.arange(-28.0, 28.1, SPOT_WIDTH)


def is_goal(value: ArrayLike | None) -> bool:
    """Whether it is a goal in the car park, six numbers; so are episodes and plans of parking told."""
    return value is not None and np.asarray(value).shape == (6,)


def positions(states: ArrayLike) -> NDArray[np.float64]:
    """Give the positions [..., 2] in metres of states [..., 6]."""
    metres: NDArray[np.float64] = np.asarray(states, dtype=np.float64)[..., :2] * SCALES[:2]
    return metres


def footprint(state: ArrayLike) -> NDArray[np.float64]:
    """Give the corners [5, 2] in metres of the car at state [6]; the first is repeated to close the outline.

    A plan's cos and sin come from a model and need not have length 1, so only their direction counts.
    """
    state = np.asarray(state, dtype=np.float64)
    cos, sin = state[4:6] / max(float(np.hypot(state[4], state[5])), 1e-9)
    return outline(positions(state), cos, sin)


def outline(position: ArrayLike, cos: float, sin: float) -> NDArray[np.float64]:
    """Give the corners [5, 2] in metres of a car at position [2] in metres: front left, front right, … and closed."""
    corners = 0.5 * np.array([[1, 1], [1, -1], [-1, -1], [-1, 1], [1, 1]]) * [CAR_LENGTH, CAR_WIDTH]
    moved: NDArray[np.float64] = np.asarray(position) + corners @ np.array([[cos, sin], [-sin, cos]])
    return moved


def draw_lot(axes: Axes, goal: ArrayLike | None = None, walls: bool = True) -> None:
    """Draw spots and walls, and the goal's spot filled. goal: [6]."""
    for side in (-1, 1):
        axes.vlines(SPOT_EDGES, side * SPOT_NEAR, side * SPOT_FAR, color=GREY, linewidth=0.8)
    if walls:
        x, y = WALL_X * np.array([-1, 1, 1, -1, -1]), WALL_Y * np.array([-1, -1, 1, 1, -1])
        axes.plot(x, y, color="#b0a000", linewidth=3, solid_joinstyle="miter")
    if goal is not None:
        _draw_goal(axes, np.asarray(goal))
    axes.set_aspect("equal")
    axes.set_xlabel("x (m)")
    axes.set_ylabel("y (m)")
    if not axes.yaxis_inverted():
        axes.invert_yaxis()


def _draw_goal(axes: Axes, goal: NDArray[Any]) -> None:
    x, y = positions(goal)
    near = np.sign(y) * SPOT_NEAR
    depth = np.sign(y) * (SPOT_FAR - SPOT_NEAR)
    axes.fill(
        x + 0.5 * SPOT_WIDTH * np.array([-1, 1, 1, -1]),
        near + depth * np.array([0, 0, 1, 1]),
        color="#56B4E9",
        alpha=0.35,
        linewidth=0,
        label="goal",
    )


def draw_car(axes: Axes, state: ArrayLike, **style: Any) -> None:
    """Draw the outline of the car at state [6], with a line across its nose."""
    corners = footprint(state)
    axes.plot(*corners.T, **{"linewidth": 1.2, **style})
    nose = corners[:2] + 0.2 * (corners[[3, 2]] - corners[:2])
    axes.plot(*nose.T, **{"linewidth": 1.2, **style, "label": None})
