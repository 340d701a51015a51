"""`mbrl-fast inspect`."""

from __future__ import annotations

from dataclasses import dataclass

from mbrl_fast.commands.common import File, show


@dataclass(frozen=True)
class Inspect:
    """Show what a Problem file holds: sizes, bounds, inputs, programs and their cost, tensors.

    Try:
      mbrl-fast inspect runs/first/problem.safetensors
    """

    file: File
    """Problem file."""

    def run(self) -> None:
        """Run it."""
        from mbrl_fast.report.inspect_table import inspect_tables

        for table in inspect_tables(self.file):
            show(table)
