"""Every sampling planner of ours on the seed problem at equal model steps: milliseconds per plan, and the value of the answers.

    python -m bench.family [--rounds 50] [--save]

12,500 model steps of the notebook's network a plan: 5 × 100 candidates (1 × 500 for the planners of one iteration) × 5 knots × 5
steps, no pruning, one thread, one interleaved run. The values are the mean of 50 plans from a cold start; the problem has one
state and weights that were drawn, so they show that planners plan, not which is best.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import mbrl_fast as mf
from bench import measure
from bench.contenders import Contender
from bench.problems import PlanningProblem, seed_problem

MODEL_STEPS = 12_500
SHAPE: dict[str, Any] = {"horizon": 5, "steps_per_knot": 5, "population": 100, "iterations": 5, "prune": False}
AT_ONCE: dict[str, Any] = {**SHAPE, "population": 500, "iterations": 1}
PLANNERS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "CEM": (mf.CEM, SHAPE),
    "iCEM": (mf.ICEM, {**SHAPE, "decay": 1.0}),
    "MPPI, one iteration": (mf.MPPI, {**AT_ONCE, "normalise": True, "temperature": 0.1}),
    "MPPI": (mf.MPPI, {**SHAPE, "normalise": True, "temperature": 0.1}),
    "MPPI with control cost": (mf.MPPI, {**SHAPE, "temperature": 0.1, "control_cost": 0.1}),
    "smooth MPPI": (mf.MPPI, {**SHAPE, "normalise": True, "temperature": 0.1, "smooth": True, "smoothness": 0.1}),
    "predictive sampling": (mf.PredictiveSampling, {**SHAPE, "init_std": 0.3}),
    "random shooting": (mf.RandomShooting, AT_ONCE),
}
"""By the name in the table: the planner, and settings that make a plan of 500 × 25 model steps."""


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--warm-up", type=int, default=5, help="untimed plans of each")
    parser.add_argument("--save", action="store_true", help="write bench/results/family.json")
    options = parser.parse_args(arguments)
    problem = seed_problem()
    times = measure.interleaved([contender(problem, name) for name in PLANNERS], options.rounds, options.warm_up)
    rows = {name: measure.row(times[name], value=value(problem, name)) for name in PLANNERS}
    show(rows)
    result = {"machine": measure.machine(), "problem": problem.name, "model_steps": MODEL_STEPS, "planners": rows}
    if options.save:
        print(measure.save("family", result))
    return result


def contender(p: PlanningProblem, name: str) -> Contender:
    """Refuses a planner that does not take as many model steps as the others; its answer is one candidate more."""
    kind, settings = PLANNERS[name]
    planner = kind(p.problem, **settings)

    def plan():
        return planner.plan(p.state, **p.inputs).action

    plan()
    steps = planner.plan(p.state, **p.inputs).model_steps
    if not MODEL_STEPS <= steps <= 1.01 * MODEL_STEPS:
        raise SystemExit(f"{name} takes {steps} model steps a plan, not {MODEL_STEPS}: not comparable")
    return Contender(name, plan, draws_from_torch=False)


def value(p: PlanningProblem, name: str) -> float:
    """The mean return of 50 first plans, each with its own noise."""
    kind, settings = PLANNERS[name]
    return float(np.mean([kind(p.problem, **settings, seed=seed).plan(p.state, **p.inputs).value for seed in range(50)]))


def show(rows: dict[str, dict[str, Any]]) -> None:
    table = Table(title=f"{MODEL_STEPS:,} model steps a plan, the notebook's network, 1 thread")
    for column in ("planner", "ms per plan", "99th percentile", "return of a first plan"):
        table.add_column(column, justify="left" if column == "planner" else "right")
    for name, found in rows.items():
        table.add_row(name, f"{found['median_ms']:.3f}", f"{found['p99_ms']:.3f}", f"{found['value']:.2f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
