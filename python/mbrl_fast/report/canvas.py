"""Axes to draw on, without pyplot: the caller's global backend and figures stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's, told apart by colour-blind readers too."""
GREY = "#7f7f7f"


def axes_or_new(axes: Axes | None, width: float = 7.0, height: float = 4.5) -> Axes:
    """Return `axes`, or the axes of a new figure of `width` by `height` inches."""
    if axes is not None:
        return axes
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('plots need matplotlib: pip install "mbrl-fast[cli]"') from None
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def save(axes: Axes, path: Path, dpi: int = 150) -> None:
    """Write the figure of `axes` to `path`; its suffix says the format."""
    figure: Figure = axes.figure  # type: ignore[assignment]
    figure.savefig(path, dpi=dpi)
