"""Milliseconds per plan of the notebook's planner on the notebook's model, contender by contender, in one interleaved run.

    python -m bench.plan_latency [--rounds 300] [--skip-whole-plan] [--save]

Every contender first makes the reference's decision on the same noise, or is not timed. PyTorch runs on one thread: on networks
of this size more threads make it slower.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import mbrl_fast as mf
from bench import contenders, measure
from bench.contenders import lean_torch, notebook, ours
from bench.problems import seed_problem
from mbrl_fast.reference import CEM

BASE = "notebook under no_grad"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument(
        "--skip-whole-plan", action="store_true", help="leave out torch.compile of the whole plan (compiles for minutes)"
    )
    parser.add_argument("--save", action="store_true", help="write bench/results/plan_latency.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    problem = seed_problem()
    entrants: list[contenders.Contender] = [
        *notebook.contenders(problem),
        *lean_torch.contenders(problem, whole_plan=not options.skip_whole_plan),
        *ours.contenders(problem),
    ]
    twin = CEM([problem.model], _reward(), [-1.0, -1.0], [1.0, 1.0], noise=mf.noise)
    with torch.no_grad():
        expected = twin.plan(problem.state, goal=problem.goal).action.numpy()
    errors = measure.check(entrants, expected)
    times = measure.interleaved(entrants, options.rounds)
    rows = {
        name: {"median_ms": float(np.median(ms)), "p99_ms": float(np.percentile(ms, 99)), "error": errors[name]}
        for name, ms in times.items()
    }
    show(rows)
    if options.save:
        settings = {"problem": problem.name, "planner": repr(mf.CEM.notebook(problem.problem)), "rounds": options.rounds}
        print(measure.save("plan_latency", {"machine": measure.machine(), **settings, "contenders": rows}))


def _reward() -> torch.nn.Module:
    from mbrl_fast.rewards import GoalDistance

    return GoalDistance()


def show(rows: dict[str, dict[str, float]]) -> None:
    table = Table(title="one plan: 12,500 model steps of the notebook's network")
    for column in ("contender", "median ms", "p99 ms", f"speed, {BASE} = 1"):
        table.add_column(column, justify="left" if column == "contender" else "right")
    for name, row in rows.items():
        ratio = rows[BASE]["median_ms"] / row["median_ms"]
        table.add_row(name, f"{row['median_ms']:.2f}", f"{row['p99_ms']:.2f}", f"{ratio:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
