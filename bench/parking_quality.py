"""Closed-loop quality on the real parking-v0 (walls on, 500-step limit): our default agent, the notebook, the exact bicycle.

    python -m bench.parking_quality [--data-seeds 100 101] [--episodes 100] [--save]

Everything was tuned on data seeds below 10 and episode seeds below 10,000; the seeds here are held out. Every data seed collects
its own random transitions; agents of one data seed drive the same episodes. What our agent is told beyond those transitions:
its training turns and mirrors them (open ground looks alike in every direction), and its reward knows the walls and that
parked means stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import measure
from mbrl_fast.agent import Agent
from mbrl_fast.demo import notebook_agent, progress_bar, train_notebook
from mbrl_fast.evaluation import EvaluationResult, evaluate
from mbrl_fast.export import export
from mbrl_fast.models import Bicycle
from mbrl_fast.pipeline import Recipe, build, load_agent
from mbrl_fast.rewards import ParkingReward
from mbrl_fast.run import new_run
from mbrl_fast.tasks import Parking

Makers = dict[str, Callable[[], Agent]]
ENSEMBLE, NOTEBOOK, BICYCLE = "mbrl_fast, ensemble", "notebook, PyTorch", "mbrl_fast, exact bicycle"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-seeds", type=int, nargs="+", default=[100, 101])
    parser.add_argument("--episodes", type=int, default=100, help="per data seed")
    parser.add_argument("--first-episode", type=int, default=20000, help="seed of the first episode; data seeds follow each other")
    parser.add_argument("--transitions", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--notebook-episodes", type=int, default=20, help="per data seed; 0 leaves it out")
    parser.add_argument("--save", action="store_true", help="write bench/results/parking_quality.json")
    options = parser.parse_args()
    task = Parking()
    episodes: dict[str, list[Any]] = {}
    with TemporaryDirectory() as folder:
        for index, data_seed in enumerate(options.data_seeds):
            first = options.first_episode + index * options.episodes
            with_notebook = options.notebook_episodes > 0
            makers = learnt_agents(Path(folder) / str(data_seed), data_seed, options.transitions, task, with_notebook)
            makers[BICYCLE] = bicycle_agent(Path(folder), task)
            for name, maker in makers.items():
                bar = partial(progress_bar, description=f"data seed {data_seed}: {name}")
                count = min(options.notebook_episodes, options.episodes) if name == NOTEBOOK else options.episodes
                result = evaluate(maker, task, count, first, bar, options.jobs)
                episodes.setdefault(name, []).extend(result.episodes)
                print(f"data seed {data_seed}, {name}: {summary(result)}", flush=True)
    rows = {name: EvaluationResult(tuple(found)).to_dict() for name, found in episodes.items()}
    show(rows)
    if options.save:
        print(
            measure.save(
                "parking_quality",
                {"machine": measure.machine(), "options": vars(options), "planner": task.planner_settings(), "agents": rows},
            )
        )


def learnt_agents(folder: Path, seed: int, transitions: int, task: Parking, with_notebook: bool) -> Makers:
    """Our agent and the notebook's, on the same random transitions."""
    with new_run(folder) as run:
        built = build(Recipe(seed=seed, transitions=transitions), run, print)
    makers: Makers = {ENSEMBLE: partial(load_agent, folder / run.problem.name, task.planner_settings(), task)}
    if with_notebook:
        makers[NOTEBOOK] = partial(notebook_agent, train_notebook(built, seed), task)
    return makers


def bicycle_agent(folder: Path, task: Parking) -> Callable[[], Agent]:
    path = folder / "bicycle.safetensors"
    export(Bicycle(), ParkingReward(), env=task).save(path)
    return partial(load_agent, path, task.planner_settings(), task)


def summary(result: EvaluationResult) -> str:
    return f"success {result.rate('success'):.3f}, strict {result.rate('strict'):.3f}, crash {result.rate('crash'):.3f}"


def show(rows: dict[str, dict[str, Any]]) -> None:
    table = Table(title="parking-v0, real environment, walls on, 500-step limit")
    for column in ("agent", "episodes", "success", "strict", "crash", "steps", "plan ms", "p99"):
        table.add_column(column, justify="left" if column == "agent" else "right")
    for name, row in rows.items():
        rates = [
            f"{row[f'{key}_rate']:.3f} [{row[f'{key}_interval'][0]:.3f}, {row[f'{key}_interval'][1]:.3f}]"
            for key in ("success", "strict", "crash")
        ]
        table.add_row(
            name,
            str(row["episodes"]),
            *rates,
            f"{row['mean_steps'] or float('nan'):.1f}",
            f"{row['plan_ms_median']:.2f}",
            f"{row['plan_ms_p99']:.2f}",
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
