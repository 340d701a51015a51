"""`learn`: the whole of a PETS run, kept in a folder from which it can go on.

```
RUN/
  config.json            command, settings, the planner, versions
  checkpoint.npz         all that was learnt, replaced after the exploration and after every trial
  metrics.jsonl          a line for each exploration episode and each trial
  tensorboard/           if asked for
  problem.safetensors    what the last trial planned on     } written when all trials are done: a run
  transitions.npz        all that was seen                  } that was interrupted does not look
  evaluations.npz        returns as stable-baselines3 has it } like one that finished
  plots/                 the learning curve
```
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from mbrl_fast.metrics import JSONLines, MetricWriter, TensorBoard, Tracker, keep_lines
from mbrl_fast.online import checkpoint
from mbrl_fast.online.evaluations import save_evaluations
from mbrl_fast.online.fit import hand_over
from mbrl_fast.online.learnt import Learnt
from mbrl_fast.online.loop import explore, next_trial
from mbrl_fast.online.settings import PETSSettings
from mbrl_fast.pipeline import needs_extras, versions
from mbrl_fast.problem import Problem
from mbrl_fast.recipe import make_task
from mbrl_fast.run import CONFIG, METRICS, Run

CHECKPOINT = "checkpoint.npz"
Say = Callable[[str], None]


def learn(
    settings: PETSSettings,
    folder: str | Path,
    *,
    task: Any = None,
    resume: bool = False,
    overwrite: bool = False,
    tensorboard: bool = False,
    tracker: str | None = None,
    say: Say = lambda line: None,
    progress: bool = False,
) -> Learnt:
    """Explore, then fit, plan and collect for all trials, and write the run folder.

    Args:
        settings: from `make_settings`.
        folder: the run folder. With `resume` a run that is there goes on, also a finished one of which `settings` want more trials.
        task: to drive in place of `make_task(settings.task)`: your own, or one with other parameters.
        resume: go on from the checkpoint, if there is one. The curve is the one of a run that was never interrupted.
        overwrite: replace a run that is there.
        tensorboard: write event files, too (needs tensorboard).
        tracker: a module shaped like W&B that gets all numbers, such as "wandb" or "trackio".
        say: told what happens. progress: show bars.

    Raises:
        FileExistsError: something is in the way.
        ValueError: the checkpoint is of other settings, another task or another version, or is damaged; it is left as it is.
    """
    task = task if task is not None else make_task(settings.task)
    needs_extras(getattr(task, "packages", ()), getattr(task, "extra", "envs"))
    run = Run(Path(folder).absolute())
    _make_room(run, resume, overwrite)
    path = run.folder / CHECKPOINT
    learnt = checkpoint.load(path, settings, task) if path.exists() else None
    run.problem.unlink(missing_ok=True)  # by which a finished run is told
    run.write_config(_describe(settings))
    keep_lines(run.folder / METRICS, learnt.records if learnt else ())
    with _writers(run, settings, task, learnt, tensorboard, tracker) as writers, _says_how_to_go_on(run, say):
        learnt, problem = _all_trials(settings, task, learnt, run, writers, say, progress)
        _complete(run, settings, task, learnt, problem)
    return learnt


def _all_trials(
    settings: PETSSettings, task: Any, learnt: Learnt | None, run: Run, writers: Sequence[MetricWriter], say: Say, progress: bool
) -> tuple[Learnt, Problem | None]:
    """Every trial that is left; a checkpoint after each."""
    if learnt is None:
        say(f"exploring {settings.exploration_episodes} episode(s) of {task.name} at random (seed {settings.seed})")
        learnt = explore(settings, task)
        _keep(run, settings, learnt, writers, len(learnt.records))
    else:
        say(f"going on after trial {learnt.trial}, with {len(learnt.data):,} real steps")
    problem = None
    while learnt.trial < settings.trials:
        learnt, problem = next_trial(settings, task, learnt, problem, progress)
        _keep(run, settings, learnt, writers, 1)
        say(describe(learnt.records[-1], settings.trials))
    return learnt, problem


def _keep(run: Run, settings: PETSSettings, learnt: Learnt, writers: Sequence[MetricWriter], new: int) -> None:
    """Checkpoint first: what the writers are told is never more than it knows."""
    checkpoint.save(run.folder / CHECKPOINT, settings, learnt)
    for record in learnt.records[-new:]:
        values = {name: value for name, value in record.items() if name not in ("event", "step")}
        for writer in writers:
            writer.write(record["event"], values, record["step"])


def _complete(run: Run, settings: PETSSettings, task: Any, learnt: Learnt, problem: Problem | None) -> None:
    """Write what makes the run a finished one, the Problem file last."""
    from mbrl_fast import plot

    assert learnt.models is not None
    problem = problem if problem is not None else hand_over(settings, task, learnt.models)
    learnt.data.save(run.transitions)
    save_evaluations(run.folder / "evaluations.npz", learnt)
    plot.save(plot.learning_curve([learnt]), run.plots / "learning_curve.png")
    problem.save(run.problem)


def describe(record: dict[str, Any], trials: int) -> str:
    """One trial in one line."""
    took = ", ".join(f"{name} {record[f'seconds_{name}']:.1f} s" for name in ("fit", "export", "plan", "environment"))
    evaluated = record.get("evaluation_returns")
    mean = f", evaluated {sum(evaluated) / len(evaluated):.1f}" if evaluated else ""
    done = f"trial {record['trial']} of {trials}: return {record['return']:.1f} in {record['length']} steps{mean}"
    lost = record["plans_without_a_finite_candidate"]
    warning = f"; {lost} plans had no finite candidate: the model diverges" if lost else ""
    return f"{done} ({record['step']:,} real steps; {took}){warning}"


def _make_room(run: Run, resume: bool, overwrite: bool) -> None:
    """Make the folder, or make sure that what is there may be gone on with or replaced."""
    folder = run.folder
    if resume and overwrite:
        raise ValueError("resume goes on with a run and overwrite begins it anew: choose one of them")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        ours = (folder / CHECKPOINT).is_file() or (folder / CONFIG).is_file()
        if not ours:
            raise FileExistsError(f"{folder} exists and is not a run folder: it will not be replaced")
        if resume and not (folder / CHECKPOINT).is_file() and run.problem.is_file():
            raise FileExistsError(f"{folder} is a run of another kind: it has no {CHECKPOINT} to go on from")
        if not resume and not overwrite:
            raise FileExistsError(f"{folder} exists: pass --resume to go on, --overwrite to begin anew, or choose another --out")
        if overwrite:
            shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _describe(settings: PETSSettings) -> dict[str, Any]:
    """config.json: what it takes to repeat the run, and the planner that belongs to it."""
    return {
        "format": 1,
        "command": sys.argv,
        "algorithm": "PETS",
        "recipe": settings.to_dict(),
        "planner": {"name": settings.planner, **settings.planner_options()},
        "versions": versions(),
    }


@contextmanager
def _writers(
    run: Run, settings: PETSSettings, task: Any, learnt: Learnt | None, tensorboard: bool, tracker: str | None
) -> Iterator[list[MetricWriter]]:
    writers: list[MetricWriter] = [JSONLines(run.folder / METRICS)]
    try:
        if tensorboard:
            writers.append(TensorBoard(run.folder / "tensorboard", learnt.records[-1]["step"] + 1 if learnt else 0))
        if tracker:
            writers.append(
                Tracker(tracker, f"mbrl-fast-{task.name}", run.folder.name, settings.to_dict(), resume=learnt is not None)
            )
        yield writers
    finally:
        for writer in writers:
            writer.close()


@contextmanager
def _says_how_to_go_on(run: Run, say: Say) -> Iterator[None]:
    """Whatever ends the block early: what was learnt is kept, and whoever reads the message knows how to go on."""
    begin = perf_counter()
    try:
        yield
    except BaseException as error:
        kept = (run.folder / CHECKPOINT).is_file()
        what = "all trials that ended are kept" if kept else "nothing was kept yet"
        note = f"stopped after {perf_counter() - begin:.0f} s: {what} in {run.folder}; go on with --resume (in Python resume=True)"
        error.add_note(note)
        say(note)
        raise
