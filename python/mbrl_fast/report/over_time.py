"""An episode over time: every number of the state and of the action, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mbrl_fast.episode import Episode, outcome
from mbrl_fast.report.canvas import COLORS, GREY, new_figure
from mbrl_fast.tasks.gym_task import GymTask

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def over_time(record: Episode, task: GymTask, plans: int = 12) -> Axes:
    """Draw an episode of a task with few numbers.

    Args:
        record: from `run_episode`; with `record=True` it holds the plans, which are drawn too.
        task: has the names and units.
        plans: how many of the plans to draw, spread evenly over the episode.

    Returns:
        the uppermost axes; its figure holds all.
    """
    if plans < 0:
        raise ValueError(f"plans must be >= 0, got {plans}")
    rows = task.state_size + task.action_size
    figure = new_figure(8.0, 1.2 + 1.2 * rows)
    axes: list[Axes] = list(figure.subplots(rows, 1, sharex=True))
    seconds = task.dt * np.arange(len(record.states), dtype=np.float64)
    for index in np.unique(np.linspace(0, len(record.plans) - 1, plans if record.plans else 0).astype(int)):
        ahead = seconds[index] + task.dt * np.arange(len(record.plans[index]), dtype=np.float64)
        for each, planned in zip(axes, record.plans[index].T, strict=False):
            each.plot(ahead, planned, color=COLORS[1], linewidth=0.9, alpha=0.6)
    for each, entry in zip(axes, record.states.T, strict=False):
        each.plot(seconds, entry, color=COLORS[0], linewidth=2)
    for each, entry in zip(axes[task.state_size :], record.actions.T, strict=True):
        each.step(seconds[:-1], entry, where="post", color=COLORS[2])
    labels = zip((*task.state_names, *task.action_names), (*task.state_units, *task.action_units), strict=True)
    for each, (name, unit) in zip(axes, labels, strict=True):
        each.axhline(0.0, color=GREY, linewidth=0.8, zorder=0)
        each.set_ylabel(f"{name} [{unit}]", fontsize="small")
    axes[-1].set_xlabel("time [s]")
    axes[-1].set_xlim(0, seconds[-1])
    end = f"{outcome(record.metrics)}, return {record.metrics['return']:.1f}"
    axes[0].set_title(f"seed {record.seed}: {end} after {len(record.actions)} steps")
    return axes[0]
