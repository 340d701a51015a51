"""Pieces of HTML: words are escaped, pictures and films lie inside, nothing points outside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def table(rows: Iterable[Sequence[Any]], header: Sequence[Any] = ()) -> str:
    """A table whose rows begin with what they are about; every cell is escaped, and aligned left."""
    head = f"<thead><tr>{''.join(_cell('th', cell) for cell in header)}</tr></thead>" if header else ""
    lines = (f"<tr>{_cell('th', row[0])}{''.join(_cell('td', cell) for cell in row[1:])}</tr>" for row in rows)
    return f"<table>{head}<tbody>{''.join(lines)}</tbody></table>"


def _cell(tag: str, value: Any) -> str:
    # styles of notebooks align to the right
    return f'<{tag} style="text-align:left; padding-right:1em">{escape(str(value))}</{tag}>'


def picture(drawn: Axes | Path, description: str) -> str:
    """An image that holds its PNG: of the figure of some axes, or of a file."""
    data = drawn.read_bytes() if isinstance(drawn, Path) else png(drawn)
    return f'<img style="max-width:100%" alt="{escape(description)}" src="{_inside("image/png", data)}">'


def png(axes: Axes, dpi: int = 100) -> bytes:
    """The figure of some axes as the bytes of a PNG file."""
    stream = BytesIO()
    axes.figure.savefig(stream, format="png", dpi=dpi)  # type: ignore[union-attr]
    return stream.getvalue()


def film(path: Path) -> str:
    """A player that holds the mp4 file."""
    return f'<video style="max-width:100%" controls muted loop src="{_inside("video/mp4", path.read_bytes())}"></video>'


def _inside(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{b64encode(data).decode('ascii')}"
