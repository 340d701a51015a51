"""One plan in one picture: where it leads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mbrl_fast.report.canvas import COLORS, axes_or_new, entry_labels, new_figure
from mbrl_fast.report.lot import draw_car, draw_lot, is_goal, positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mbrl_fast.agent import PlanLike

STYLES = ("-", "--", ":", "-.")


def plan(planned: PlanLike, goal: ArrayLike | None = None, axes: Axes | None = None, task: Any = None) -> Axes:
    """Draw what a plan intends: in the car park its path there, anywhere else its states over time and below them its actions.

    Args:
        planned: from `planner.plan`; of its states [steps + 1, state_size] there must be some.
        goal: [6], in the car park; its spot is filled.
        axes: to draw on, outside the car park the states alone; a new figure's by default.
        task: whose names and units are written, and whether it is parking; without it a goal of 6 numbers tells parking.

    Raises:
        ValueError: for a plan without states, as one has that had no time for them.
    """
    if len(planned.states) < 2:
        raise ValueError(f"a plan can be drawn if it has states, got {len(planned.states)} of them: it had no time")
    if getattr(task, "name", "").startswith("parking") or is_goal(goal):
        return _in_the_lot(planned, goal, axes_or_new(axes, 8.0, 5.4))
    return _over_time(planned, axes, task)


def _in_the_lot(planned: PlanLike, goal: ArrayLike | None, axes: Axes) -> Axes:
    draw_lot(axes, goal)
    axes.plot(*positions(planned.states).T, "-", color=COLORS[1], linewidth=2, label="planned")
    draw_car(axes, planned.states[0], color="black")
    draw_car(axes, planned.states[-1], color=COLORS[1], linestyle=":")
    axes.legend(fontsize="small", loc="upper right")
    return axes


def _over_time(planned: Any, axes: Axes | None, task: Any) -> Axes:
    states, actions = np.asarray(planned.states), np.asarray(getattr(planned, "actions", ()))
    steps, seconds = len(states) - 1, getattr(planned, "knot_seconds", None)
    end, unit = (seconds * len(actions), "time [s]") if seconds else (steps, "model step")
    below = None
    if axes is None and len(actions):
        axes, below = new_figure(8.0, 5.0).subplots(2, 1, sharex=True, height_ratios=(2, 1))
    axes = axes_or_new(axes, 8.0, 4.0)
    times = np.linspace(0, end, steps + 1)
    for entry, label in enumerate(entry_labels(task, "state", states.shape[1])):
        axes.plot(times, states[:, entry], label=label, **_style(entry))
    axes.set_ylabel("planned state")
    if below is not None:
        edges = np.linspace(0, end, len(actions) + 1)
        for entry, label in enumerate(entry_labels(task, "action", actions.shape[1])):
            below.step(edges, [*actions[:, entry], actions[-1, entry]], where="post", label=label, **_style(entry))
        below.set_ylabel("action")
    for each in (axes, below) if below is not None else (axes,):
        each.grid(alpha=0.3)
        each.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0), ncols=1 + len(each.lines) // 16)
    (axes if below is None else below).set_xlabel(unit)
    return axes


def _style(entry: int) -> dict[str, Any]:
    return {"color": COLORS[entry % len(COLORS)], "linestyle": STYLES[entry // len(COLORS) % len(STYLES)], "linewidth": 1.6}
