"""What the commands share: kinds of options, and where words go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Protocol

import tyro

File = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
RunFolder = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]


class Command(Protocol):
    """What every command is: a dataclass whose fields are its options and whose docstrings are its help."""

    def run(self) -> None:
        """Run it. Raises ValueError, OSError or ImportError with a sentence for the user, or CheckFailed."""


def say(line: str) -> None:
    """Tell the user what happens now: on stderr, as stdout is for results."""
    print(f"── {line}", file=sys.stderr, flush=True)


def show(table: Any) -> None:
    """Print a rich table to stdout."""
    from rich.console import Console

    Console().print(table)
