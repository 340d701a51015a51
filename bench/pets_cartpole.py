"""PETS on two cart-poles: mbrl-lib's `pets_cartpole`, beside mbrl-lib's own code, and the swing-up of the paper.

    python -m bench.pets_cartpole [--tasks balance small-balance swing-up] [--seeds 0 1 2 3 4] [--work DIR] [--save]

* balance: mbrl-lib's environment and numbers. Population 350, 15 steps, 5 iterations, 35 elites, momentum 0.1, truncated normals;
  20 particles dealt anew in every step among 5 of 7 networks of 4 × 200 SiLU; 200 random steps, then a fit of 25 epochs every 50
  steps, from the last weights on. Solved by a trial in which the pole stands for all of its 200 steps.
* small-balance: the same task as `mbrl-fast pets --task cartpole` learns it: networks of 2 × 64, clipped normals.
* swing-up: `mbrl-fast pets --task cartpole-swingup`, the paper's but for smaller networks and half its particles. Solved by a trial
  at the end of which the tip stays within 0.15 m of its goal for the last second.

Runs are folders of `mbrl_fast.online.learn` in --work: a bench that was cut goes on. mbrl-lib's trials are kept there, too. The
seconds of a trial are those of fitting, planning and the environment.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import measure
from bench.contenders import NotInstalledError, pets_mbrl
from mbrl_fast.online import PETSSettings, learn, make_settings

MBRL_LIB: dict[str, Any] = {
    "exploration_episodes": 5, "members": 7, "elites": 5, "hidden_sizes": (200, 200, 200, 200), "std": "bounded", "epochs": 25,
    "batch_size": 256, "learning_rate": 7.5e-4, "weight_decay": 3e-5, "patience": 25, "warm_start": True, "retrain_every": 50,
    "planner": "cem", "particles": 20, "propagation": "ts1",
    "planner_settings": {
        "horizon": 15, "steps_per_knot": 1, "population": 350, "elites": 35, "iterations": 5, "init_std": 0.5, "min_std": 0.0,
        "momentum": 0.1, "momentum_on": "variance", "truncate": True, "keep_elites": 0, "include_mean": False, "returns": "mean",
    },
}  # fmt: skip
"""examples/conf of mbrl-lib. Five episodes of random driving are some 200 steps."""
TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "balance": ("cartpole", MBRL_LIB),
    "small-balance": ("cartpole", {}),
    "swing-up": ("cartpole-swingup", {}),
}
Record = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    options = parse(arguments)
    found: dict[str, Any] = {}
    for name in options.tasks:
        seeds = options.balance_seeds if name == "balance" and options.balance_seeds else options.seeds
        runs = {seed: ours(name, seed, options) for seed in seeds}
        found[name] = {"settings": settings(name, 0, options).to_dict(), "ours": summary(runs)}
        show(f"{name}, mbrl_fast", found[name]["ours"])
    if "balance" in options.tasks and options.mbrl_trials:
        try:
            runs = {seed: theirs(seed, options) for seed in options.mbrl_seeds}
            found["balance"]["mbrl-lib"] = {"threads": options.threads, **summary(runs)}
            show("balance, mbrl-lib", found["balance"]["mbrl-lib"])
        except NotInstalledError as error:
            print(f"mbrl-lib: {error}")
            found["balance"]["absent"] = str(error)
    result = {
        "machine": measure.machine(("gymnasium", "mujoco", "mbrl")),
        "threads": options.threads,
        "note": options.note,
        "tasks": found,
    }
    if options.save:
        print(measure.save("pets_cartpole", result))
    return result


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--balance-seeds", type=int, nargs="+", help="of balance, whose trials take minutes; default all")
    parser.add_argument("--trials", type=int, default=5, help="of the balances")
    parser.add_argument("--swing-up-trials", type=int, default=15)
    parser.add_argument("--mbrl-trials", type=int, default=2, help="of mbrl-lib; 0 leaves it out")
    parser.add_argument("--mbrl-seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--max-steps", type=int, default=200, help="of a trial")
    parser.add_argument("--population", type=int, help="in place of each task's own, here and in mbrl-lib")
    parser.add_argument(
        "--threads", type=int, default=2, help="of each planner, and of training where networks are large: in balance"
    )
    parser.add_argument("--work", type=Path, default=Path("runs/pets_cartpole"), help="where runs are kept")
    parser.add_argument("--note", help="kept in the result, such as what else the machine did")
    parser.add_argument("--save", action="store_true", help="write bench/results/pets_cartpole.json")
    return parser.parse_args(arguments)


def settings(name: str, seed: int, options: argparse.Namespace) -> PETSSettings:
    """Ours, for one seed of one of the ``TASKS``."""
    task, given = TASKS[name]
    trials = options.swing_up_trials if name == "swing-up" else options.trials
    given = {**given, "seed": seed, "trials": trials, "max_steps": options.max_steps}
    given |= {"threads": options.threads, "training_threads": options.threads if name == "balance" else 1}
    planner = dict(given.get("planner_settings", {}))
    if options.population:
        planner |= {"population": options.population, "elites": -(-options.population // 10)}
    return make_settings(task, **{**given, "planner_settings": planner})


def ours(name: str, seed: int, options: argparse.Namespace) -> list[Record]:
    """A record for each trial, from the run folder if it is there."""
    learnt = learn(settings(name, seed, options), options.work / name / f"seed{seed}", resume=True, say=print, progress=False)
    phases = ("plan", "fit", "export", "environment")
    kept = ("trial", "return", "length", "success", "step", "seconds_plan", "seconds_fit")
    return [
        {key: record[key] for key in kept if key in record} | {"seconds": sum(record[f"seconds_{phase}"] for phase in phases)}
        for record in learnt.trials
    ]


def theirs(seed: int, options: argparse.Namespace) -> list[Record]:
    """The same of mbrl-lib, kept in a file beside ours."""
    changes = {"cem_population_size": options.population} if options.population else {}
    words = {"trials": options.mbrl_trials, "threads": options.threads, "max_steps": options.max_steps, **changes}
    path = options.work / "mbrl-lib" / f"{'-'.join(str(word) for word in (seed, *words.values()))}.json"
    if not path.exists():
        records = pets_mbrl.run(seed, **words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(records, indent=1) + "\n")
    return [{**record, "success": record["length"] == options.max_steps} for record in json.loads(path.read_text())]


def summary(runs: dict[int, list[Record]]) -> dict[str, Any]:
    """Of all seeds: the first trial that solves the task, and what a step and a trial cost."""
    solved = {seed: next((record["trial"] for record in records if record["success"]), None) for seed, records in runs.items()}
    records = [record for trials in runs.values() for record in trials]
    steps = sum(record["length"] for record in records)
    return {
        "solved": sum(trial is not None for trial in solved.values()),
        "solved_at_trial": {str(seed): trial for seed, trial in solved.items()},
        "plan_ms": 1e3 * sum(record["seconds_plan"] for record in records) / steps,
        "seconds_of_a_trial": float(np.mean([record["seconds"] for record in records])),
        "seconds_of_200_steps": 200 * sum(record["seconds"] for record in records) / steps,
        "seeds": {str(seed): trials for seed, trials in runs.items()},
    }


def show(title: str, found: dict[str, Any]) -> None:
    table = Table(title=f"{title}: solved by {found['solved']} of {len(found['seeds'])} seeds, {found['plan_ms']:.0f} ms a plan")
    for column in ("seed", "solved at", "return of each trial", "seconds of each trial"):
        table.add_column(column)
    for seed, records in found["seeds"].items():
        returns, seconds = (" ".join(f"{record[key]:.0f}" for record in records) for key in ("return", "seconds"))
        table.add_row(seed, str(found["solved_at_trial"][seed]), returns, seconds)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
