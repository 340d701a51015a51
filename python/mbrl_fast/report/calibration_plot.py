"""Whether a model is as sure as it should be, drawn: what its intervals promise against what they held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mbrl_fast.report.canvas import COLORS, GREY, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mbrl_fast.calibration import Calibration


def calibration(measured: Calibration, names: Sequence[str] = (), axes: Axes | None = None) -> Axes:
    """Draw the coverage of the central intervals, one line an entry of the state; a calibrated model lies on the diagonal.

    Args:
        measured: from `calibration.calibrate`.
        names: of the state's entries; numbers by default.
        axes: to draw on; a new figure's by default.
    """
    axes = axes_or_new(axes, 7.5, 5.0)
    axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1, label="calibrated")
    for entry, (held, error) in enumerate(zip(measured.coverage.T, measured.standardised_error, strict=True)):
        name = names[entry] if names else f"entry {entry}"
        color, marker = COLORS[entry % len(COLORS)], "os^vD*"[entry // len(COLORS) % 6]
        label = f"{name}: errors {error:.2f} std"
        axes.plot(measured.levels, held, marker=marker, markersize=4, color=color, linewidth=1.2, label=label)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.text(0.03, 0.97, "less sure than it could be", transform=axes.transAxes, va="top", color=GREY, fontsize="small")
    axes.text(0.97, 0.03, "too sure", transform=axes.transAxes, ha="right", color=GREY, fontsize="small")
    axes.set_xlabel("interval of the model's distribution")
    axes.set_ylabel("share of the truth within it")
    axes.set_title(f"calibration on {measured.steps:,} steps")
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes
