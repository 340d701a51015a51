"""Closed-loop quality on the real parking-v0 (walls on, 500-step limit): learnt, identified and exact models, and the notebook.

    python -m bench.parking_quality [--data-seeds 200 201 202] [--episodes 250] [--only NAME ...] [--save]

Everything was chosen on data seeds below 10 and episode seeds below 10,000; the seeds here are held out. Every data seed collects
its own transitions and has its own episodes; agents that drive as many share them. Episodes are kept in the work folder as they
end: a run that was cut goes on where it was. What our agents are told beyond their transitions: training turns and mirrors them
(open ground looks alike in every direction), and the reward knows the walls and that parked means stopped; among parked cars they
are told where those stand.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from bench import measure
from bench.parking_episodes import RATES, Episodes, Row, summary
from mbrl_fast.agent import Agent
from mbrl_fast.data import Transitions
from mbrl_fast.demo import notebook_agent, train_notebook
from mbrl_fast.models import Bicycle
from mbrl_fast.pipeline import build, export_for, load_agent
from mbrl_fast.recipe import PHYSICS, Recipe, make_recipe
from mbrl_fast.run import new_run
from mbrl_fast.tasks import Parking

ENSEMBLE, IDENTIFIED, BICYCLE = "ensemble", "identified bicycle", "exact bicycle"
PARKED, NOTEBOOK = "ensemble, 10 parked cars", "notebook, PyTorch"
NAMES = (ENSEMBLE, IDENTIFIED, BICYCLE, PARKED, NOTEBOOK)
TASKS = {name: Parking(parked_cars=10 if name == PARKED else 0) for name in NAMES}


def main(words: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-seeds", type=int, nargs="+", default=[200, 201, 202])
    parser.add_argument("--episodes", type=int, default=250, help="per data seed")
    parser.add_argument("--first-episode", type=int, default=30000, help="seed of the first episode; data seeds follow each other")
    parser.add_argument("--notebook-episodes", type=int, default=20, help="per data seed")
    parser.add_argument("--bicycle-episodes", type=int, default=500, help="of the identified and the exact one, per data seed")
    parser.add_argument("--parked-episodes", type=int, default=100, help="among parked cars, per data seed")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), help="which agents")
    parser.add_argument("--epochs", type=int, help="of training, at most; for a quick look")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--work", type=Path, default=Path("runs/parking_quality"), help="folder of trained models and driven episodes"
    )
    parser.add_argument("--save", action="store_true", help="write bench/results/parking_quality.json")
    options = parser.parse_args(words)
    options.work.mkdir(parents=True, exist_ok=True)
    episodes = Episodes(options.work / "episodes.jsonl")
    counts = {IDENTIFIED: options.bicycle_episodes, BICYCLE: options.bicycle_episodes, NOTEBOOK: options.notebook_episodes,
              PARKED: options.parked_episodes}  # fmt: skip
    found: dict[str, list[Row]] = {name: [] for name in options.only}
    for index, data_seed in enumerate(options.data_seeds):
        folder = options.work / str(data_seed)
        recipe = make_recipe("parking", seed=data_seed, epochs=options.epochs)
        learn(folder, recipe, options.only)
        for name in options.only:
            count = counts.get(name, options.episodes)
            first = options.first_episode + index * max(count, options.episodes)
            maker = partial(make_agent, folder, name)
            found[name] += episodes.complete(maker, TASKS[name], name, data_seed, range(first, first + count), options.jobs)
    rows = {name: {**summary(rows), "real_transitions": transitions_of(name, recipe)} for name, rows in found.items() if rows}
    show(rows)
    result = {"machine": measure.machine(), "options": {**vars(options), "work": options.work.name},
              "recipe": vars(recipe), "planners": {name: TASKS[name].planner_settings() for name in rows if name != NOTEBOOK},
              "agents": rows}  # fmt: skip
    if options.save:
        print(measure.save("parking_quality", result))
    return result


def learn(folder: Path, recipe: Recipe, names: Sequence[str]) -> None:
    """Make what the agents of these names need of one data seed, unless it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "exact.safetensors").exists():
        export_for(TASKS[BICYCLE], [Bicycle()]).save(folder / "exact.safetensors")
    if IDENTIFIED in names and not (folder / "identified").exists():
        with new_run(folder / "identified") as run:
            build(make_recipe("parking", seed=recipe.seed, model="physics"), run, print)
    learnt = {ENSEMBLE, PARKED, NOTEBOOK} & set(names)
    if learnt and not (folder / "ensemble").exists():
        with new_run(folder / "ensemble") as run:
            built = build(recipe, run, print)
            export_for(TASKS[PARKED], built.models).save(run.folder / "parked.safetensors")
    if NOTEBOOK in names and not (folder / "notebook.pt").exists():
        data = Transitions.load(folder / "ensemble" / "transitions.npz")
        torch.save(train_notebook(data, recipe.seed, recipe.epochs or 1500), folder / "notebook.pt")


def make_agent(folder: Path, name: str) -> Agent:
    """The agent of a name; workers call it."""
    if name == NOTEBOOK:
        return notebook_agent(torch.load(folder / "notebook.pt", weights_only=False), TASKS[name])
    ensemble = folder / "ensemble"
    path = {ENSEMBLE: ensemble / "problem.safetensors", PARKED: ensemble / "parked.safetensors",
            BICYCLE: folder / "exact.safetensors", IDENTIFIED: folder / "identified" / "problem.safetensors"}[name]  # fmt: skip
    return load_agent(path, TASKS[name].planner_settings(), TASKS[name])


def transitions_of(name: str, recipe: Recipe) -> int:
    """Environment steps that an agent was learnt from."""
    return {BICYCLE: 0, IDENTIFIED: PHYSICS["transitions"]}.get(name, recipe.real_transitions)


def show(rows: dict[str, Row]) -> None:
    table = Table(title="parking-v0, real environment, walls on, 500-step limit")
    columns = ("agent", "real steps", "episodes", *RATES, "steps", "to rest", "plan ms (CPU)", "action rate", "plan change")
    for column in columns:
        table.add_column(column, justify="left" if column == "agent" else "right")
    for name, row in rows.items():
        rates = [f"{row[f'{key}_rate']:.3f} [{row[f'{key}_interval'][0]:.3f}, {row[f'{key}_interval'][1]:.3f}]" for key in RATES]
        means = (("mean_steps", 1), ("mean_steps_strict", 1), ("plan_cpu_ms", 2), ("action_rate", 3), ("plan_change", 3))
        numbers = [_text(row[key], digits) for key, digits in means]
        table.add_row(name, f"{row['real_transitions']:,}", str(row["episodes"]), *rates, *numbers)
    Console(width=190).print(table)


def _text(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
