"""Axes to draw on, without pyplot: the caller's global backend and figures stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's, told apart by colour-blind readers too."""
GREY = "#7f7f7f"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` by `height` inches."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('plots need matplotlib: pip install "mbrl-fast[cli]"') from None
    return Figure(figsize=(width, height), layout="constrained")


def axes_or_new(axes: Axes | None, width: float = 7.0, height: float = 4.5) -> Axes:
    """Return `axes`, or the axes of a new figure of `width` by `height` inches."""
    return axes if axes is not None else new_figure(width, height).add_subplot()


def logarithmic(axes: Axes) -> None:
    """Make the x axis logarithmic, with plain numbers at its ticks, however little it spans."""
    from matplotlib.ticker import LogFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(LogFormatter())


def save(axes: Axes, path: Path, dpi: int = 150) -> None:
    """Write the figure of `axes` to `path`; its suffix says the format."""
    save_figure(axes.figure, path, dpi)  # type: ignore[arg-type]


def save_figure(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure to `path`; its suffix says the format."""
    figure.savefig(path, dpi=dpi)


def entry_labels(task: Any, kind: str, size: int) -> list[str]:
    """Names with units of the `size` numbers of a task's "state" or "action"; plain numbers where the task has none."""
    names, units = (getattr(task, f"{kind}_{what}", ()) for what in ("names", "units"))
    if len(names) != size or len(units) != size:
        return [f"{kind}[{entry}]" for entry in range(size)]
    return [f"{name} [{unit}]" for name, unit in zip(names, units, strict=True)]
