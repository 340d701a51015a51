"""`mbrl-fast evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from json import dumps

from mbrl_fast.commands.common import Flag, RunFolder, say, show


@dataclass(frozen=True)
class Evaluate:
    """Drive episodes in the real environment with a trained run, and say how they went.

    Parking: success is the environment's own rule, which has no speed in it: driving through the spot counts. strict
    means stopped in it: slower than 0.5 m/s, heading within 10°, for 1 s. Pendulum: success is an upright rod, within
    0.2 rad and 0.5 rad/s for the episode's last second. A swung-up cart-pole is within 0.15 m of its goal for as long, a
    balanced one has not fallen, and a reacher touches its target at the end. Intervals are 95 % Wilson.

    Try:
      mbrl-fast evaluate runs/first --episodes 100 --seed 1000 --jobs 2
      mbrl-fast evaluate runs/first --episodes 1 --film
      mbrl-fast evaluate runs/first --json | jq .success_rate
    """

    folder: RunFolder
    """Run folder that `mbrl-fast train` made."""
    episodes: int = 20
    """How many."""
    seed: int = 1000
    """Episode i is reset with seed + i."""
    jobs: int = 1
    """Processes. Times are best measured with 1; the outcomes are the same for any number."""
    max_steps: int = 500
    """Steps after which an episode counts as failed."""
    actuation_delay: float = 0.0
    """Seconds until an action takes effect, rounded to what is simulated: 1/15 s in parking, 1/20 s in pendulum."""
    ignore_delay: Flag = False
    """Plan as if there were no delay, to see what looking across it is worth."""
    film: Flag = False
    """Film the first episode and plot it: episode.mp4 and episode.png in the run's plots."""
    report: Flag = False
    """Write report.html into the run folder, with the worst of these episodes."""
    json: Flag = False
    """Print one line of JSON instead of a table."""

    def run(self) -> None:
        """Run it."""
        from functools import partial

        from mbrl_fast.demo import progress_bar
        from mbrl_fast.evaluation import evaluate
        from mbrl_fast.pipeline import load_agent, load_problem
        from mbrl_fast.recipe import make_task
        from mbrl_fast.report.table import comparison
        from mbrl_fast.run import open_run

        run = open_run(self.folder)
        task_name, planner = run.read_choices()
        task = make_task(task_name)
        delay = 0.0
        if self.actuation_delay:
            from mbrl_fast.tasks import Delayed

            task = Delayed(task, self.actuation_delay, task.substeps)
            delay = 0.0 if self.ignore_delay else task.seconds
        agent = partial(load_agent, run.problem, planner, task, delay)
        agent()  # a bad file is refused here, once, and not by every worker
        result = evaluate(agent, task, self.episodes, self.seed, progress_bar, self.jobs, self.max_steps, record=self.report)
        line = result.to_dict()
        if self.actuation_delay:
            line.update(actuation_delay=task.seconds, looked_across=delay > 0)
        run.log("evaluate", jobs=self.jobs, max_steps=self.max_steps, **line)
        if self.film:
            from mbrl_fast.report.film import film

            film(agent(), task, self.seed, run.plots, self.max_steps)
        if self.report:
            from mbrl_fast.report.html import write_report

            say(f"report in {write_report(run, task, load_problem(run.problem), result)}")
        if self.json:
            print(dumps(line))
        else:
            show(comparison({str(self.folder): line}))
