"""Regret on Pendulum-v1: what a planner collects less than the optimum, from the same starts.

    python -m bench.pendulum_regret [--starts 1000] [--data-seeds 100 101 102] [--save]

The optimum is that of `bench.dynamic_programming`, whose policies are played in exact arithmetic of the environment; the planners
drive the real environment. Returns differ far more between starts than between good planners, so the difference is taken start by
start. It is negative where a planner beats the policies of the optimum; no start is left out. Settings were chosen on the starts
of seeds 0 … 299 and data seeds below 10; the seeds here are held out.

Learnt models are what `mbrl-fast train --task pendulum --seed S` makes: they see `--transitions` real steps of each data seed S,
half of them random driving in short episodes, the other half collected in two rounds by the planner on a model of what was seen
before. They are told the reward, and that left is the mirror of right.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from bench import measure
from bench.dynamic_programming import Optimum, starts
from mbrl_fast.export import export
from mbrl_fast.models import PendulumModel
from mbrl_fast.pipeline import build, make_planner
from mbrl_fast.problem import Problem
from mbrl_fast.recipe import Recipe, make_recipe
from mbrl_fast.run import new_run
from mbrl_fast.tasks import Pendulum

SIDE_BY_SIDE = 25
"""Episodes of one planner: each is one row of a batch of plans."""


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    options = parse(arguments)
    seeds = range(options.first_start, options.first_start + options.starts)
    began = time.process_time()
    optimum = Optimum(options.cells)
    states = starts(seeds)
    best, estimate = optimum.best_returns(states), optimum.value(0, states)
    print(
        f"optimum: {best.mean():.2f}, its value on the grid {estimate.mean():.2f}, {time.process_time() - began:.0f} s of CPU",
        flush=True,
    )
    task = Pendulum()
    rows: dict[str, dict[str, Any]] = {}
    if not options.no_exact:
        exact = export(PendulumModel(), task.reward(), env=task)
        rows["exact model"] = {**regret(exact, seeds, best, options.jobs), "transitions": 0}
        print("exact model", rows["exact model"], flush=True)
    count = min(options.learnt_starts or options.starts, options.starts)
    recipes = [recipe(seed, options) for seed in options.data_seeds]
    problems = Parallel(n_jobs=options.jobs)(delayed(learn)(made) for made in recipes)
    for made, problem in zip(recipes, problems, strict=True):
        name = f"learnt, data seed {made.seed}"
        rows[name] = {
            **regret(problem, seeds[:count], best[:count], options.jobs),
            "transitions": made.real_transitions,
        }
        print(name, rows[name], flush=True)
    before = measured(options, task) if options.add else {"rows": {}}
    rows = {**before["rows"], **rows}
    if options.data_seeds:
        rows["learnt, all"] = together([row for name, row in rows.items() if name.startswith("learnt, data seed")])
    show(rows)
    result = {
        "machine": measure.machine(("gymnasium",)),
        "options": vars(options),
        "planner": task.planner_settings(),
        "recipe": asdict(recipe(0, options)),
        "optimum": {
            "cells": options.cells,
            "starts": len(best),
            "return": float(best.mean()),
            "value_on_grid": float(estimate.mean()),
            **before.get("optimum", {}),
        },
        "rows": rows,
    }
    if options.save:
        print(measure.save("pendulum_regret", result))
    return result


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=1000)
    parser.add_argument("--first-start", type=int, default=20000, help="seed of the first start")
    parser.add_argument("--learnt-starts", type=int, default=0, help="of each data seed; 0 for as many as the exact model drives")
    parser.add_argument("--data-seeds", type=int, nargs="*", default=[100, 101, 102])
    parser.add_argument("--transitions", type=int, default=400)
    parser.add_argument("--epochs", type=int, help="of training, default as the task recommends")
    parser.add_argument("--cells", type=int, default=200, help="of the grid, see Optimum; 200 take 1 GB")
    parser.add_argument("--no-exact", action="store_true", help="leave the exact model out")
    parser.add_argument("--jobs", type=int, default=1, help="processes; times are best measured with 1")
    parser.add_argument("--add", action="store_true", help="keep the rows of bench/results/pendulum_regret.json")
    parser.add_argument("--save", action="store_true", help="write bench/results/pendulum_regret.json")
    return parser.parse_args(arguments)


def measured(options: argparse.Namespace, task: Pendulum) -> dict[str, Any]:
    """What was measured before, which must have been so with the same planner, starts and grid."""
    before = json.loads((measure.RESULTS / "pendulum_regret.json").read_text())
    same = {name: before["options"][name] == vars(options)[name] for name in ("first_start", "cells")}
    same["planner"] = before["planner"] == task.planner_settings()
    if not all(same.values()):
        raise ValueError(
            f"--add needs rows that were measured alike, got another {', '.join(n for n, ok in same.items() if not ok)}"
        )
    before["rows"].pop("learnt, all", None)
    return dict(before)


def regret(problem: Problem, seeds: range, best: NDArray[np.float64], jobs: int = 1) -> dict[str, Any]:
    """Drive the real environment from the start of every seed. The result does not depend on `jobs`."""
    batches = [seeds[first : first + SIDE_BY_SIDE] for first in range(0, len(seeds), SIDE_BY_SIDE)]
    parts = Parallel(n_jobs=jobs, return_as="generator")(delayed(drive)(problem, batch) for batch in batches)
    driven = list(tqdm(parts, desc="driving", total=len(batches), mininterval=1.0, leave=False))
    returns, milliseconds = (np.concatenate(parts) for parts in zip(*driven, strict=True))
    lost = best - returns
    return {
        "starts": len(lost),
        "return": float(returns.mean()),
        "regret": float(lost.mean()),
        "standard_error": float(lost.std(ddof=1) / np.sqrt(len(lost))) if len(lost) > 1 else float("nan"),
        "regret_median": float(np.median(lost)),
        "regret_worst": float(lost.max()),
        "regret_least": float(lost.min()),
        "share_below_0": float((lost < 0).mean()),
        "plan_ms": float(np.median(milliseconds)),
    }


def drive(problem: Problem, seeds: range) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Episodes side by side, as a batch of plans: their returns [len(seeds)], and the milliseconds of every plan."""
    task = Pendulum()
    planner = make_planner(problem, task.planner_settings())
    envs = [task.make_env() for _ in seeds]
    observations = np.stack([env.reset(seed=seed)[0] for env, seed in zip(envs, seeds, strict=True)])
    returns, milliseconds = np.zeros(len(envs)), []
    for _ in range(task.max_steps):
        plans = planner.plan_batch(task.observe(observations)[0])
        milliseconds.extend(row.milliseconds for row in plans.stats)
        answers = [env.step(action) for env, action in zip(envs, plans.action, strict=True)]
        observations = np.stack([answer[0] for answer in answers])
        returns += [float(answer[1]) for answer in answers]
    for env in envs:
        env.close()
    return returns, np.array(milliseconds)


def together(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All data seeds: a seed is one draw of a model, so the standard error is that of the seeds' means."""
    means = np.array([row["regret"] for row in rows])
    error = float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else float("nan")
    return {
        **{name: float(np.mean([row[name] for row in rows])) for name in ("return", "regret_median", "share_below_0", "plan_ms")},
        "starts": sum(row["starts"] for row in rows),
        "regret": float(means.mean()),
        "standard_error": error,
        "regret_worst": max(row["regret_worst"] for row in rows),
        "regret_least": min(row["regret_least"] for row in rows),
        "transitions": rows[0]["transitions"],
    }


def recipe(seed: int, options: argparse.Namespace) -> Recipe:
    """The task's own recipe, for so many transitions in total."""
    first, each = options.transitions - 2 * (options.transitions // 4), options.transitions // 4
    return make_recipe("pendulum", seed=seed, transitions=first, rounds=2, on_policy=each, epochs=options.epochs)


def learn(made: Recipe) -> Problem:
    """What `mbrl-fast train` learns."""
    with tempfile.TemporaryDirectory() as folder, new_run(Path(folder) / "run") as run:
        return build(made, run, progress=False).problem


def show(rows: dict[str, dict[str, Any]]) -> None:
    table = Table(title="Pendulum-v1, regret against the optimum, start by start")
    for column in ("dynamics", "transitions", "starts", "return", "regret", "median", "worst", "below 0", "plan ms"):
        table.add_column(column, justify="left" if column == "dynamics" else "right")
    for name, row in rows.items():
        mean = f"{row['regret']:.2f} ± {row['standard_error']:.2f}"
        cells = [f"{row['return']:.1f}", mean, f"{row['regret_median']:.2f}", f"{row['regret_worst']:.1f}"]
        share, milliseconds = f"{row['share_below_0']:.0%}", f"{row['plan_ms']:.2f}"
        table.add_row(name, str(row["transitions"]), str(row["starts"]), *cells, share, milliseconds)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
