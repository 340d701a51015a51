"""One episode in one picture, as suits its task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mbrl_fast.episode import Episode, outcome
from mbrl_fast.report.canvas import COLORS, axes_or_new
from mbrl_fast.report.lot import draw_car, draw_lot, is_goal, positions
from mbrl_fast.report.over_time import over_time
from mbrl_fast.report.swing import swing

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def episode(record: Episode, axes: Axes | None = None, plans: int = 12) -> Axes:
    """Draw an episode: of parking the lot, the path that was driven, and what was planned on the way; of others all over time.

    Args:
        record: from `run_episode`; with `record=True` it holds the plans, which are drawn too.
        axes: to draw on, for parking alone: other pictures are several axes in a figure of their own. A new figure's by default.
        plans: how many of the plans to draw, spread evenly over the episode.

    Returns:
        the axes, the uppermost where there are several.
    """
    if plans < 0:
        raise ValueError(f"plans must be >= 0, got {plans}")
    if is_goal(record.inputs.get("goal")):
        return _lot(record, axes_or_new(axes, 8.0, 5.4), plans)
    if axes is not None:
        raise ValueError("axes can be given for an episode of parking alone: this one is drawn as a figure of several axes")
    return swing(record, plans) if getattr(record.task, "name", "") == "pendulum" else over_time(record, record.task, plans)


def _lot(record: Episode, axes: Axes, plans: int) -> Axes:
    draw_lot(axes, record.inputs["goal"])
    driven, planned = COLORS[0], COLORS[1]
    if record.plans:
        shown = np.unique(np.linspace(0, len(record.plans) - 1, plans).astype(int))
        for number, index in enumerate(shown):
            path = positions(record.plans[index])
            label = "planned" if number == 0 else None
            axes.plot(*path.T, color=planned, linewidth=0.9, alpha=0.6, label=label)
    axes.plot(*positions(record.states).T, color=driven, linewidth=2, label="driven")
    draw_car(axes, record.states[0], color=driven, linestyle=":")
    draw_car(axes, record.states[-1], color=driven)
    axes.set_title(f"seed {record.seed}: {outcome(record.metrics)} after {len(record.actions)} steps")
    axes.set_xlim(-40, 40)
    axes.set_ylim(26, -26)
    axes.legend(loc="upper right", fontsize="small", ncols=3)
    return axes
