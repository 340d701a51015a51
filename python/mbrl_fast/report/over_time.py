"""An episode over time: every number of the state and of the action, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mbrl_fast.episode import Episode, outcome
from mbrl_fast.report.canvas import COLORS, GREY, entry_labels, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def over_time(record: Episode, task: Any = None, plans: int = 12) -> Axes:
    """Draw an episode of any task; more than eight numbers in three columns.

    Args:
        record: from `run_episode`; with `record=True` it holds the plans, which are drawn too.
        task: has the names and units, and the seconds of a step; without it there are numbers and steps.
        plans: how many of the plans to draw, spread evenly over the episode.

    Returns:
        the uppermost axes; its figure holds all.
    """
    if plans < 0:
        raise ValueError(f"plans must be >= 0, got {plans}")
    state_size, action_size = record.states.shape[1], record.actions.shape[1]
    dt, clock = (task.dt, "time [s]") if hasattr(task, "dt") else (1.0, "step")
    axes = _rows(state_size + action_size, clock)
    seconds = dt * np.arange(len(record.states), dtype=np.float64)
    for index in np.unique(np.linspace(0, len(record.plans) - 1, plans if record.plans else 0).astype(int)):
        ahead = seconds[index] + dt * np.arange(len(record.plans[index]), dtype=np.float64)
        for each, planned in zip(axes, record.plans[index].T, strict=False):
            each.plot(ahead, planned, color=COLORS[1], linewidth=0.9, alpha=0.6)
    for each, entry in zip(axes, record.states.T, strict=False):
        each.plot(seconds, entry, color=COLORS[0], linewidth=2)
    for each, entry in zip(axes[state_size:], record.actions.T, strict=True):
        each.step(seconds[:-1], entry, where="post", color=COLORS[2])
    labels = entry_labels(task, "state", state_size) + entry_labels(task, "action", action_size)
    for each, label in zip(axes, labels, strict=True):
        each.axhline(0.0, color=GREY, linewidth=0.8, zorder=0)
        each.set_ylabel(label, fontsize="small")
    axes[0].set_xlim(0, seconds[-1])
    total = f", return {record.metrics['return']:.1f}" if "return" in record.metrics else ""
    axes[0].set_title(f"seed {record.seed}: {outcome(record.metrics)}{total} after {len(record.actions)} steps", loc="left")
    return axes[0]


def _rows(count: int, clock: str) -> list[Axes]:
    """Axes for so many numbers of a new figure, the lowest ones with the name of the time."""
    columns = 1 if count <= 8 else 3
    rows = -(-count // columns)
    figure = new_figure(8.0 if columns == 1 else 12.0, 1.2 + 1.2 * rows)
    axes: list[Axes] = list(figure.subplots(rows, columns, sharex=True, squeeze=False).ravel())
    for unused in axes[count:]:
        unused.remove()
    for lowest in axes[max(count - columns, 0) : count]:
        lowest.set_xlabel(clock)
        lowest.tick_params(labelbottom=True)
    return axes[:count]
