"""`mbrl-fast replay`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mbrl_fast.cli import CheckFailed
from mbrl_fast.commands.common import File, Flag, say, show


@dataclass(frozen=True)
class Replay:
    """Plan one decision again, from a file that `planner.snapshot(path)` wrote, and draw all that was tried.

    Exit code 0: every bit is equal; 1: one is not; 2: the file cannot be read.

    Try:
      mbrl-fast replay decision.snapshot
    """

    file: File
    """Snapshot."""
    out: Path | None = None
    """Picture to draw. Default: beside the file, with .png."""
    no_picture: Flag = False
    """Only compare."""

    def run(self) -> None:
        """Run it."""
        from mbrl_fast.planners import replay
        from mbrl_fast.report.replay_table import replay_table

        replayed = replay(self.file, trace=True)
        show(replay_table(replayed))
        if not self.no_picture:
            from mbrl_fast.report.canvas import save_figure
            from mbrl_fast.report.replay_plot import replay_figure

            out = self.out or self.file.with_suffix(".png")
            save_figure(replay_figure(replayed), out)
            say(f"drawn in {out}")
        if not replayed.same:
            raise CheckFailed(f"{self.file}: the decision does not repeat, see the table")
