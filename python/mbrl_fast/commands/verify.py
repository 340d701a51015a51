"""`mbrl-fast verify`."""

from __future__ import annotations

from dataclasses import dataclass

from mbrl_fast.cli import CheckFailed
from mbrl_fast.commands.common import File


@dataclass(frozen=True)
class Verify:
    """Replay the test vectors that a Problem file carries, and compare with what PyTorch gave at export.

    Exit code 0: every number agrees; 1: one does not; 2: the file cannot be read.

    Try:
      mbrl-fast verify runs/first/problem.safetensors
    """

    file: File
    """Problem file."""

    def run(self) -> None:
        """Run it."""
        from mbrl_fast.pipeline import load_problem

        problem = load_problem(self.file)
        try:
            errors = problem.verify()
        except ValueError as error:
            raise CheckFailed(f"{self.file}: {error}") from error
        worst = max(errors.values(), default=0.0)
        print(f"{self.file}: ok, {len(errors)} outputs agree with PyTorch, largest relative error {worst:.1e}")
