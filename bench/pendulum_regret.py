"""Regret on Pendulum-v1: what a planner collects less than the optimum, from the same starts.

    python -m bench.pendulum_regret [--starts 1000] [--data-seeds 100 101 102] [--save]

The optimum is that of `bench.dynamic_programming`, whose policies are played in exact arithmetic of the environment; the planners
drive the real environment. Returns differ far more between starts than between good planners, so the difference is taken start by
start. It is negative where a planner beats the policies of the optimum; no start is left out. Settings were chosen on the starts
of seeds 0 … 299 and data seeds below 10; the seeds here are held out.

Learnt models see `--transitions` real steps of each data seed: half of them random driving in short episodes, the other half
collected by the planner on a model of the first half. They are told the reward, and that left is the mirror of right.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench import measure
from bench.dynamic_programming import Optimum, starts
from mbrl_fast.agent import Agent
from mbrl_fast.data import Transitions, collect, concatenate
from mbrl_fast.episode import run_episode
from mbrl_fast.export import export
from mbrl_fast.models import PendulumModel
from mbrl_fast.planners import CEM
from mbrl_fast.problem import Problem
from mbrl_fast.tasks import Pendulum
from mbrl_fast.training import TrainingSettings, make_members, train

RANDOM_STEPS = 20
"""Steps of an episode of random driving: many starts teach more than long falls."""
HIDDEN, MEMBERS = 16, 1
TRAINING = TrainingSettings(epochs=200, patience=200, learning_rate=3e-3, batch_size=64, weight_decay=0.0)


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
        rows["exact model"] = {**regret(export(PendulumModel(), task.reward(), env=task), seeds, best), "transitions": 0}
        print("exact model", rows["exact model"], flush=True)
    count = min(options.learnt_starts or options.starts, options.starts)
    for seed in options.data_seeds:
        name = f"learnt, data seed {seed}"
        rows[name] = {
            **regret(learn(seed, options.transitions, task), seeds[:count], best[:count]),
            "transitions": options.transitions,
        }
        print(name, rows[name], flush=True)
    if options.data_seeds:
        rows["learnt, all"] = together([rows[f"learnt, data seed {seed}"] for seed in options.data_seeds])
    show(rows)
    result = {
        "machine": measure.machine(("gymnasium",)),
        "options": vars(options),
        "planner": task.planner_settings(),
        "model": {"hidden": HIDDEN, "members": MEMBERS, "epochs": TRAINING.epochs},
        "optimum": {"cells": options.cells, "return": float(best.mean()), "value_on_grid": float(estimate.mean())},
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
    parser.add_argument("--cells", type=int, default=200, help="of the grid, see Optimum; 200 take 1 GB")
    parser.add_argument("--no-exact", action="store_true", help="leave the exact model out")
    parser.add_argument("--save", action="store_true", help="write bench/results/pendulum_regret.json")
    return parser.parse_args(arguments)


def regret(problem: Problem, seeds: range, best: NDArray[np.float64]) -> dict[str, Any]:
    """Drive the real environment from the start of every seed; the episodes go side by side, as a batch of plans."""
    task = Pendulum()
    planner = CEM(problem, **task.planner_settings())
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


def learn(seed: int, transitions: int, task: Pendulum) -> Problem:
    """A model of half random, half planned driving."""
    short = Pendulum(max_steps=RANDOM_STEPS)
    data = collect(short, transitions - transitions // 2, seed, action_repeat=4, progress=False)
    problem = fit(data, seed, task)
    rest = transitions // 2
    while rest > 0:
        driven = drive(problem, task, 1_000_000 + 1000 * seed + rest, rest)
        data, rest = concatenate([data, driven]), rest - len(driven)
    return fit(data, seed, task)


def fit(data: Transitions, seed: int, task: Pendulum) -> Problem:
    networks = make_members(lambda: task.network(data, HIDDEN), MEMBERS, seed)
    models, _ = train(networks, data, TRAINING, augment=task.symmetries, progress=False)
    return export(models, task.reward(), env=task)


def drive(problem: Problem, task: Pendulum, seed: int, steps: int) -> Transitions:
    """At most `steps` steps of one real episode under the planner."""
    episode = run_episode(Agent(CEM(problem, **task.planner_settings()), task), task, seed, max_steps=steps)
    count = len(episode.actions)
    return Transitions(
        episode.states[:-1], episode.actions, episode.states[1:], np.zeros(count, np.int64), np.zeros(count, np.bool_)
    )


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
