"""How far to look ahead on Pendulum-v1: return and milliseconds against the horizon, and what a learnt terminal value changes.

    python -m bench.horizon [--horizons 5 10 15 20 30 45 60] [--value-horizons 1 2 3 5 10 15] [--value-steps 400 ... 6400] [--save]

CEM of one size drives the real environment with the exact model, with one Gaussian network, and with the mean over five that
learnt from the same few episodes of random actions. Then the single network plans with a learnt terminal value at the end of
shorter plans. What a value learns from is collected by that network's planner, 15 steps ahead, a little off what it wants: its
first 400, 800, ... steps say what a value gains and what it costs in samples. Rewards are then discounted by 0.99, as in the value;
returns are always the environment's plain sums. Every data seed has starts of its own. Settings were chosen on data seeds from
100 on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from torch import nn
from tqdm.auto import tqdm

import mbrl_fast as mf
from bench import measure
from bench.horizon_picture import picture
from bench.learnt_pendulum import MEMBERS, exact_problem, learn, learnt_problem, random_steps
from bench.model_exploitation import standard_error
from mbrl_fast.agent import Agent
from mbrl_fast.data import Transitions, collect_with
from mbrl_fast.models import LearntValue
from mbrl_fast.tasks import Pendulum
from mbrl_fast.training import TrainingSettings
from mbrl_fast.value_learning import ValueSettings, learn_value

CEM: dict[str, Any] = {
    "steps_per_knot": 1, "population": 100, "elites": 10, "iterations": 3, "keep_elites": 5, "fresh_fraction": 0.1, "init_std": 1.0,
    "noise_beta": 3.0, "seed": 0,
}  # fmt: skip
DRIVEN_HORIZON, EXPLORATION = 15, 0.3
"""Of the planner that collects what the value learns from, and how far it is off."""
DISCOUNT = 0.99
Row = dict[str, Any]
Key = tuple[str, int, int]
Answer = tuple[float, float]


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    options = parse(arguments)
    exact = exact_problem()
    found: dict[Key, list[Answer]] = {}
    for seed in tqdm(options.data_seeds, desc="data seeds"):
        for key, answer in of_seed(seed, exact, options):
            found.setdefault(key, []).append(answer)
    rows = [
        {"model": model, "horizon": horizon, "value_steps": steps, **summary(each)}
        for (model, horizon, steps), each in found.items()
    ]
    result = {
        "machine": measure.machine(("gymnasium",)),
        "options": {**vars(options), "picture": None},
        "planner": CEM,
        "rows": rows,
    }
    show(rows)
    return measure.publish("horizon", result, picture, options.save, options.picture)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--horizons", type=int, nargs="+", default=[5, 10, 15, 20, 30, 45, 60])
    parser.add_argument("--value-horizons", type=int, nargs="*", default=[1, 2, 3, 5, 10, 15], help="with a terminal value")
    parser.add_argument(
        "--value-steps", type=int, nargs="*", default=[400, 800, 1600, 3200, 6400], help="real steps it learns from"
    )
    parser.add_argument("--transitions", type=int, default=400, help="real steps the models learn from")
    parser.add_argument("--data-seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--starts", type=int, default=10, help="episodes of each data seed")
    parser.add_argument("--max-steps", type=int, default=200, help="of an episode")
    parser.add_argument("--epochs", type=int, default=200, help="of training the models, at most")
    parser.add_argument("--picture", type=Path, help="where to draw it without --save")
    parser.add_argument("--save", action="store_true", help="write bench/results/horizon.json and .png")
    return parser.parse_args(arguments)


def of_seed(seed: int, exact: mf.Problem, options: argparse.Namespace) -> Iterator[tuple[Key, Answer]]:
    """Drive every cell from the starts of one data seed: (model, horizon, real steps of the value or 0), (return, milliseconds)."""
    starts = range(100 * seed, 100 * seed + options.starts)
    data = random_steps(options.transitions, seed)
    single, ensemble = (learn(data, members, seed, options.epochs) for members in (1, MEMBERS))
    models = {"exact model": exact, "single network": learnt_problem(single), "ensemble": learnt_problem(ensemble)}
    for name, problem in models.items():
        for horizon in options.horizons:
            yield (name, horizon, 0), drive(problem, horizon, starts, options.max_steps)
    for horizon in sorted(set(options.value_horizons) - set(options.horizons)):
        yield ("single network", horizon, 0), drive(models["single network"], horizon, starts, options.max_steps)
    seen = collected(models["single network"], max(options.value_steps, default=0), seed, options.max_steps)
    for steps in options.value_steps:
        problem = learnt_problem(single, value_of(seen[:steps], seed))
        for horizon in options.value_horizons:
            yield ("with terminal value", horizon, steps), drive(problem, horizon, starts, options.max_steps, DISCOUNT)


def drive(problem: mf.Problem, horizon: int, starts: range, max_steps: int, discount: float = 1.0) -> Answer:
    """Episodes side by side on the environment: their mean return, and the milliseconds of a plan (median)."""
    task = Pendulum(max_steps=max_steps)
    planner = mf.CEM(problem, horizon=horizon, discount=discount, **CEM)
    envs = [task.make_env() for _ in starts]
    observations = np.stack([env.reset(seed=seed)[0] for env, seed in zip(envs, starts, strict=True)])
    returns, milliseconds = np.zeros(len(envs)), list[float]()
    for _ in range(max_steps):
        plans = planner.plan_batch(task.observe(observations)[0])
        milliseconds.extend(row.milliseconds for row in plans.stats)
        answers = [env.step(action) for env, action in zip(envs, plans.action, strict=True)]
        observations = np.stack([answer[0] for answer in answers])
        returns += [float(answer[1]) for answer in answers]
    for env in envs:
        env.close()
    return float(returns.mean()), float(np.median(milliseconds))


def collected(problem: mf.Problem, steps: int, seed: int, max_steps: int) -> Transitions:
    """Real steps of the planner that a value is learnt from, none of them on the starts that returns are measured from."""
    task = Pendulum(max_steps=max_steps)
    agent = Agent(mf.CEM(problem, horizon=DRIVEN_HORIZON, **CEM), task)
    return collect_with(agent, task, max(steps, 1), seed, EXPLORATION, max_steps, progress=False)


def value_of(data: Transitions, seed: int) -> nn.Module:
    """What states are worth to whoever drives as was driven here."""
    training = TrainingSettings(epochs=30, learning_rate=3e-3, batch_size=128, seed=seed, split_by="step")
    model = LearntValue(state_size=3, hidden_sizes=(32, 32))
    return learn_value(model, data, ValueSettings(discount=DISCOUNT, training=training), progress=False)[0]


def summary(each: Sequence[Answer]) -> Row:
    """Over the data seeds, each of which is one draw of a model, of data and of starts."""
    returns, milliseconds = zip(*each, strict=True)
    error = standard_error(returns)
    return {
        "return": float(np.mean(returns)),
        "return_error": error,
        "returns": list(returns),
        "plan_ms": float(np.median(milliseconds)),
    }


def show(rows: Sequence[Row]) -> None:
    table = Table(title="Pendulum-v1: return of an episode (± standard error over data seeds) and milliseconds of a plan")
    horizons = sorted({row["horizon"] for row in rows})
    table.add_column("model")
    for horizon in horizons:
        table.add_column(str(horizon), justify="right")
    for key in dict.fromkeys((row["model"], row["value_steps"]) for row in rows):
        cells = {row["horizon"]: row for row in rows if (row["model"], row["value_steps"]) == key}
        name = f"{key[0]}, {key[1]:,} steps" if key[1] else key[0]
        returns = [cells.get(horizon) for horizon in horizons]
        table.add_row(name, *("–" if row is None else f"{row['return']:.0f} ± {row['return_error'] or 0:.0f}" for row in returns))
        table.add_row("", *("" if row is None else f"{row['plan_ms']:.2f} ms" for row in returns))
    Console(width=180).print(table)


if __name__ == "__main__":
    main()
