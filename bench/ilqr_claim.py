"""Is iLQR more efficient, as the notebook's last page says? CEM, iLQR and both at equal milliseconds, driving parking-v0.

    python -m bench.ilqr_claim [--episodes 100] [--world env|replica] [--save]

The model is the exact bicycle, one thread. CEM's population fills each budget; iLQR runs until it has converged or the budget's
share of iterations is used up; "both" is ``mf.Refined``, CEM with a quarter of the budget and iLQR with the rest. A budget is
milliseconds a plan on this machine, measured on plans from the middle of an episode; what plans then took is in the table.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import mbrl_fast as mf
from bench import measure
from bench.closed_loop import PlannerDriver, drive, summary
from bench.parking_batch import RealWorld, Replica
from mbrl_fast.models import Bicycle
from mbrl_fast.pipeline import export_for
from mbrl_fast.tasks import Parking

BUDGETS = (0.25, 0.5, 1.0, 2.0)
SLOTS = 20
LOOK: dict[str, Any] = {"horizon": 25, "steps_per_knot": 1}


def cem(problem: mf.Problem, population: int) -> mf.CEM:
    """The task's CEM with another population."""
    settings = {**Parking().planner_settings(), "population": population}
    settings["elites"] = max(2, round(0.08 * population))
    settings["keep_elites"] = min(4, settings["elites"])
    return mf.CEM(problem, **settings)


def sized(make: Callable[[int], Any], budget: float, least: int, most: int) -> tuple[Any, float]:
    """The planner whose plans take the budget, and what they take, in milliseconds: the least of eight warm plans."""
    starts = np.random.default_rng(0).normal(0.0, 0.1, (8, 6)).astype(np.float32)
    starts[:, 4:] = (0.8, 0.6)
    goal = np.array([0.1, 0.14, 0.0, 0.0, 0.0, 1.0], np.float32)
    size, took = least, float("nan")
    for _ in range(5):
        planner = make(size)
        planner.plan_batch(starts, goal=goal)
        rows = [[row.milliseconds for row in planner.plan_batch(starts, goal=goal).stats] for _ in range(6)]
        took = float(np.median(np.min(rows, axis=0)))
        better = int(np.clip(round(size * budget / took), least, most))
        if better == size:
            break
        size = better
    return make(size), took


def contenders(problem: mf.Problem, budget: float) -> dict[str, tuple[Any, float]]:
    """Each planner, and what its plans take."""

    def ilqr(iterations: int) -> mf.ILQR:
        return mf.ILQR(problem, **LOOK, iterations=iterations, feedback=False)

    sampler, _ = sized(lambda n: cem(problem, n), budget / 4, 12, 4000)

    def both(iterations: int) -> mf.Refined:
        return mf.Refined(cem(problem, sampler.settings.population), ilqr(iterations))

    return {
        "CEM": sized(lambda n: cem(problem, n), budget, 12, 4000),
        "iLQR": sized(ilqr, budget, 1, 100),
        "CEM, then iLQR": sized(both, budget, 1, 100),
    }


def main(words: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--first-episode", type=int, default=40000)
    parser.add_argument("--budgets", type=float, nargs="+", default=BUDGETS, help="milliseconds a plan")
    parser.add_argument("--world", choices=["env", "replica"], default="env")
    parser.add_argument("--max-steps", type=int, default=200)
    parser.add_argument("--save", action="store_true", help="write bench/results/ilqr_claim.json")
    options = parser.parse_args(words)
    task = Parking(max_steps=options.max_steps)
    problem = export_for(task, [Bicycle()])
    rows: list[dict[str, Any]] = []
    for budget in options.budgets:
        for name, (planner, took) in contenders(problem, budget).items():
            world = (RealWorld if options.world == "env" else Replica)(task, min(SLOTS, options.episodes))
            seeds = range(options.first_episode, options.first_episode + options.episodes)
            row = {
                "planner": name,
                "budget_ms": budget,
                "sized_ms": took,
                **summary(list(drive(PlannerDriver(planner), world, seeds))),
            }
            rows.append(row)
            print(f"{budget} ms, {name}: {row['success_rate']:.3f} success, {row['plan_ms']:.2f} ms", flush=True)
    result = {"machine": measure.machine(), "options": vars(options), "rows": rows}
    show(rows)
    if options.save:
        print(measure.save("ilqr_claim", result))
    return json.loads(json.dumps(result))  # type: ignore[no-any-return]


def show(rows: list[dict[str, Any]]) -> None:
    table = Table(title="parking-v0 with walls, exact bicycle: equal milliseconds a plan")
    for column in ("ms", "planner", "success", "strict", "crash", "steps", "return", "plan ms", "action rate", "plan distance"):
        table.add_column(column, justify="left" if column == "planner" else "right")
    for row in rows:
        rates = [
            f"{row[f'{key}_rate']:.3f} [{row[f'{key}_interval'][0]:.2f}, {row[f'{key}_interval'][1]:.2f}]"
            for key in ("success", "strict", "crash")
        ]
        numbers = [row[key] for key in ("steps_to_success", "return", "plan_ms", "action_rate", "plan_distance")]
        table.add_row(f"{row['budget_ms']:g}", row["planner"], *rates, *("–" if n is None else f"{n:.3g}" for n in numbers))
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
