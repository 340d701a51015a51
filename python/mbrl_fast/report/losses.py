"""How training went: losses by epoch, and how far the model drifts when it predicts from its own predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mbrl_fast.report.canvas import COLORS, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mbrl_fast.training import History


def losses(history: History, axes: Axes | None = None) -> Axes:
    """Draw training and validation loss by epoch, one thin line a member; a dot marks the weights that were kept.

    A squared error is drawn on a logarithmic axis, a likelihood, which may be negative, on a linear one.
    """
    axes = axes_or_new(axes)
    curves = {"training": history.train_loss, "validation": history.validation_loss}
    for (name, values), color in zip(curves.items(), COLORS, strict=False):
        for member in range(values.shape[1]):
            label = name if member == 0 else None
            axes.plot(values[:, member], color=color, linewidth=0.8, alpha=0.8, label=label)
    members = np.arange(history.validation_loss.shape[1])
    kept = history.validation_loss[history.best_epoch, members]
    axes.plot(history.best_epoch, kept, "o", color=COLORS[1], markersize=4, label="kept")
    squared = min(history.train_loss.min(), history.validation_loss.min()) > 0.0
    axes.set_yscale("log" if squared else "linear")
    axes.set_xlabel("epoch")
    axes.set_ylabel("squared error, in spreads of the data" if squared else "negative log likelihood, in spreads of the data")
    axes.set_title(f"loss of {len(members)} member{'s' if len(members) > 1 else ''}")
    axes.legend(fontsize="small")
    return axes


def open_loop(history: History, dt: float, axes: Axes | None = None) -> Axes:
    """Draw the open-loop error on validation episodes over seconds, one line a quantity; its name says the unit.

    Args:
        history: whose `open_loop` is drawn.
        dt: seconds a step.
        axes: to draw on; a new figure's by default.
    """
    axes = axes_or_new(axes)
    for (name, error), color in zip(history.open_loop.items(), COLORS, strict=False):
        axes.plot(dt * (1 + np.arange(len(error))), error, color=color, label=name)
    axes.set_yscale("log")
    axes.set_xlabel("seconds ahead")
    axes.set_ylabel("mean error")
    axes.set_title("open-loop error on validation episodes")
    if history.open_loop:
        axes.legend(fontsize="small")
    return axes
