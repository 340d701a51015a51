"""PETS on MuJoCo's reacher and half cheetah with few candidates: returns against real steps, beside published figures.

    python -m bench.pets_mujoco [--tasks half-cheetah reacher] [--seeds 0] [--reacher-seeds 0 1] [--work DIR] [--save]

Settings are what the tasks recommend to `mbrl-fast pets`: iCEM with 200 candidates, 15 steps, 3 iterations, one particle for each
of 5 networks of 3 × 128 units. The half cheetah learns in episodes of 200 steps, so that one which has fallen on its back does not
fill the data with that; after every ten trials it is driven for the environment's full episode, from which nothing is
learnt.

Runs are folders of `mbrl_fast.online.learn` in --work, and evaluations are kept beside them: a bench that was cut goes on. With
--save the result is written after every evaluation, so that one which is cut has what was reached.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import measure
from bench.pets_pictures import returns_picture
from mbrl_fast.agent import Agent
from mbrl_fast.episode import run_episode
from mbrl_fast.evaluation import evaluate
from mbrl_fast.online import Learnt, PETSSettings, learn, make_settings
from mbrl_fast.online.learner import RandomDriver, make_planner
from mbrl_fast.problem import load
from mbrl_fast.recipe import make_task
from mbrl_fast.run import Run

PUBLISHED: dict[str, dict[str, dict[str, Any]]] = {
    "half-cheetah": {
        "PETS-CEM, 200,000 steps (MBBL, Wang et al. 2019)": {"return": 2795.0, "std": 880.0},
        "PETS, 50,000 steps (POPLIN, Wang and Ba 2019)": {"return": 4204.0, "std": 789.0},
        "SAC, 50,000 steps (POPLIN)": {"return": 1746.0},
        "TD3, 50,000 steps (POPLIN)": {"return": 219.0},
    },
    "reacher": {},
}
"""Of the same body in environments of their own, whose rewards are like gymnasium's but not the same. Published reachers are other
arms or other rewards (MBBL −12.3 ± 5.2, POPLIN's Reacher3D −47.7): their returns are on no common scale."""
EVALUATED = {"half-cheetah": (10, 1), "reacher": (5, 20)}
"""Trials from one evaluation to the next, and its fresh episodes."""
EVALUATION_SEED = 70_000
Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    options = parse(arguments)
    result: dict[str, Any] = {
        "machine": measure.machine(("gymnasium", "mujoco")), "options": {**vars(options), "work": options.work.name},
        "evaluation": {"first seed": EVALUATION_SEED},
        "tasks": {name: blank(name, options) for name in options.tasks},
    }  # fmt: skip
    for name in options.tasks:
        for seed in seeds_of(name, options):
            run(name, seed, options, result["tasks"][name]["seeds"][str(seed)], partial(keep, result, options.save))
        show(name, result["tasks"][name])
    keep(result, options.save)
    return result


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=PUBLISHED, default=list(PUBLISHED))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the half cheetah")
    parser.add_argument("--reacher-seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--trials", type=int, help="default as the task recommends")
    parser.add_argument("--max-steps", type=int, help="of a trial, default as the task recommends")
    parser.add_argument("--epochs", type=int, help="of each fit, default as the task recommends")
    parser.add_argument("--population", type=int, help="default as the task recommends")
    parser.add_argument("--eval-every", type=int, help="trials after which fresh episodes are driven, in place of each task's own")
    parser.add_argument("--eval-steps", type=int, help="of those, default the environment's own")
    parser.add_argument("--work", type=Path, default=Path("runs/pets_mujoco"), help="where runs are kept")
    parser.add_argument("--save", action="store_true", help="write bench/results/pets_mujoco.json and .png")
    return parser.parse_args(arguments)


def seeds_of(name: str, options: argparse.Namespace) -> list[int]:
    """Those with which the task is learnt."""
    seeds: list[int] = options.reacher_seeds if name == "reacher" else options.seeds
    return seeds


def settings(name: str, seed: int, options: argparse.Namespace) -> PETSSettings:
    """What the task recommends, but for the options."""
    planner = {"population": options.population, "elites": -(-options.population // 10)} if options.population else None
    given = {name: getattr(options, name) for name in ("trials", "max_steps", "epochs")}
    return make_settings(name, seed=seed, planner_settings=planner, **given)


def blank(name: str, options: argparse.Namespace) -> Row:
    """What is known of a task before anything was learnt; random actions among it."""
    task = make_task(name)
    seeds = range(EVALUATION_SEED, EVALUATION_SEED + 5)
    at_random = [run_episode(RandomDriver(task, seed), task, seed, options.eval_steps) for seed in seeds]
    return {
        "settings": {**settings(name, 0, options).to_dict(), "seed": seeds_of(name, options)},
        "random actions": [float(episode.rewards.sum()) for episode in at_random],
        "published": PUBLISHED[name],
        "seeds": {str(seed): known(kept(name, seed, options)) for seed in seeds_of(name, options)},
    }


def kept(name: str, seed: int, options: argparse.Namespace) -> Path:
    """Where the evaluations of one seed are kept, one JSON object a line, beside its run folder."""
    path: Path = options.work / name / f"seed{seed}.jsonl"
    return path


def known(path: Path) -> Row:
    """Evaluations until now, and the records of trials, of which there may be more."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    metrics = Run(path.with_suffix("")).read_metrics() if rows else []
    return {"evaluations": rows, "trials": [line for line in metrics if line["event"] == "trial"]}


def run(name: str, seed: int, options: argparse.Namespace, found: Row, keep: Callable[[], None]) -> None:
    """Learn with one seed, and evaluate whenever some more trials are done; `keep` is called after each evaluation."""
    whole, task, path = settings(name, seed, options), make_task(name), kept(name, seed, options)
    every = options.eval_every or EVALUATED[name][0]
    for trials in range(every, whole.trials + 1, every):
        if any(row["trial"] == trials for row in found["evaluations"]):
            continue
        learnt = learn(replace(whole, trials=trials), path.with_suffix(""), task=task, resume=True, say=print)
        driven_now = driven(whole, task, path.with_suffix(""), options)
        row = {"trial": trials, "step": int(learnt.steps[-1]), **driven_now, **spent(learnt)}
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        found |= known(path)
        keep()


def driven(whole: PETSSettings, task: Any, folder: Path, options: argparse.Namespace) -> Row:
    """Fresh episodes with what the folder's last trial planned on."""
    agent = Agent(make_planner(whole, load(Run(folder).problem), EVALUATION_SEED), task)
    episodes = evaluate(agent, task, EVALUATED[task.name][1], EVALUATION_SEED, max_steps=options.eval_steps).episodes
    row: Row = {"returns": [float(episode.rewards.sum()) for episode in episodes]}
    if all("success" in episode.metrics for episode in episodes):
        row["successes"] = sum(bool(episode.metrics["success"]) for episode in episodes)
    return row


def spent(learnt: Learnt) -> Row:
    """Seconds of all trials until now, by what they went to; others used the machine too where they did."""
    phases = ("fit", "export", "plan", "environment")
    return {f"seconds_{phase}": sum(record[f"seconds_{phase}"] for record in learnt.trials) for phase in phases}


def keep(result: Row, save: bool) -> None:
    """Write what is known until now, if asked."""
    if save:
        path = measure.save("pets_mujoco", result)
        returns_picture(result["tasks"], path.with_suffix(".png"))


def show(name: str, found: Row) -> None:
    table = Table(title=f"{name}: random actions {np.mean(found['random actions']):.1f}")
    for column in ("seed", "real steps", "return", "seconds"):
        table.add_column(column, justify="right")
    for seed, rows in found["seeds"].items():
        for row in rows["evaluations"]:
            seconds = sum(value for key, value in row.items() if key.startswith("seconds"))
            table.add_row(seed, f"{row['step']:,}", f"{np.mean(row['returns']):.1f}", f"{seconds:.0f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
