"""`mbrl-fast demo`."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from mbrl_fast.commands.common import say, show


@dataclass(frozen=True)
class Demo:
    """Watch a car learn to park.

    Collects random driving in highway-env's parking-v0, trains an ensemble, drives with it to learn more and trains again,
    exports and verifies it, drives with it, and drives the same episodes with the planner of highway-env's own notebook in
    PyTorch. Prints both side by side; the run folder keeps the video, plots and numbers.

    Try:
      mbrl-fast demo --seed 1 --episodes 20
    """

    out: Path | None = None
    """Run folder to make; an earlier demo's is replaced. Default: runs/demo-<date>-<time>."""
    seed: int = 0
    """Of data, weights and training."""
    transitions: int | None = None
    """Random environment steps to learn from. Default, as for the next two: what the task recommends."""
    rounds: int | None = None
    """Rounds of driving with the planner and training anew."""
    members: int | None = None
    """Networks in the ensemble."""
    episodes: int = 10
    """Evaluation episodes for each of the two planners."""
    first_seed: int = 1000
    """Evaluation episode i is reset with this plus i."""
    jobs: int = field(default_factory=lambda: min(2, os.cpu_count() or 1))
    """Processes that drive episodes. Every planner has one thread."""
    max_steps: int = 200
    """Steps (of 0.2 s) after which an episode counts as failed. The environment itself waits for 500."""

    def run(self) -> None:
        """Run it."""
        from mbrl_fast.demo import demo
        from mbrl_fast.recipe import make_recipe
        from mbrl_fast.report.table import comparison

        out = self.out or Path("runs") / time.strftime("demo-%Y%m%d-%H%M%S")
        recipe = make_recipe(seed=self.seed, transitions=self.transitions, rounds=self.rounds, members=self.members)
        began = time.perf_counter()
        results = demo(
            out,
            recipe,
            episodes=self.episodes,
            first_seed=self.first_seed,
            jobs=self.jobs,
            max_steps=self.max_steps,
            say=say,
        )
        seeds = f"seeds {self.first_seed}–{self.first_seed + self.episodes - 1}"
        show(comparison(results, f"parking-v0, {seeds}, at most {self.max_steps} steps; 95 % intervals"))
        print(f"done in {time.perf_counter() - began:.0f} s; everything is in {out}")
        print(f"watch   {out / 'plots' / 'episode.mp4'}")
