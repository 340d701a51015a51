"""`mbrl-fast report`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mbrl_fast.commands.common import RunFolder, say


@dataclass(frozen=True)
class Report:
    """Write one HTML file about a run: training, episodes with intervals, the worst of them, plan times, films.

    The file holds its pictures and films and needs no network. Films are those that `mbrl-fast evaluate RUN --film` or a demo left.

    Try:
      mbrl-fast report runs/first
      mbrl-fast report runs/first --episodes 100 --jobs 2 --out first.html
    """

    folder: RunFolder
    """Run folder that `mbrl-fast train`, `pets` or `demo` made."""
    out: Path | None = None
    """File to write. Default: report.html in the run folder."""
    episodes: int = 20
    """Fresh episodes to drive for it; 0: only what the run folder knows."""
    seed: int = 1000
    """Episode i is reset with seed + i."""
    jobs: int = 1
    """Processes. Times are best measured with 1; the outcomes are the same for any number."""
    max_steps: int = 500
    """Steps after which an episode counts as failed."""

    def run(self) -> None:
        """Run it."""
        from functools import partial

        from mbrl_fast.demo import progress_bar
        from mbrl_fast.evaluation import evaluate
        from mbrl_fast.pipeline import load_agent, load_problem
        from mbrl_fast.recipe import make_task
        from mbrl_fast.report.html import write_report
        from mbrl_fast.run import open_run

        run = open_run(self.folder)
        task_name, planner = run.read_choices()
        task, problem, result = make_task(task_name), load_problem(run.problem), None
        if self.episodes:
            agent = partial(load_agent, run.problem, planner, task)
            result = evaluate(agent, task, self.episodes, self.seed, progress_bar, self.jobs, self.max_steps, record=True)
            run.log("evaluate", jobs=self.jobs, max_steps=self.max_steps, **result.to_dict())
        say("drawing")
        print(write_report(run, task, problem, result, self.out))
