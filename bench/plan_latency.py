"""Milliseconds per plan of the notebook's planner on the notebook's model, contender by contender, in one interleaved run.

    python -m bench.plan_latency [--rounds 300] [--threads 1 2] [--skip-compiled] [--skip-whole-plan] [--save]

Every contender first makes the reference's decision on the same noise, or is not timed. With `--threads 1 2` each runs with one
thread and with two, and our two threads are set beside the others' best of both. ONNX Runtime runs the model steps alone, without
a planner. A contender whose package is missing is named as such.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import mbrl_fast as mf
from bench import contenders, measure
from bench.contenders import jax_plan, lean_torch, notebook, onnx_steps, ours
from bench.problems import PlanningProblem, seed_problem
from mbrl_fast.reference import CEM
from mbrl_fast.rewards import GoalDistance

BASE = "notebook under no_grad, 1 thread"
PACKAGES = ("jax", "onnxruntime")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--warm-up", type=int, default=10, help="untimed plans of each contender")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="numbers of threads for every contender that has them")
    parser.add_argument("--skip-compiled", action="store_true", help="leave out torch.compile")
    parser.add_argument(
        "--skip-whole-plan", action="store_true", help="leave out torch.compile of the whole plan (compiles for minutes)"
    )
    parser.add_argument("--save", action="store_true", help="write bench/results/plan_latency.json")
    options = parser.parse_args(arguments)
    problem = seed_problem()
    entrants, absent = entries(problem, options.threads, not options.skip_compiled, not options.skip_whole_plan)
    errors = measure.check(entrants, reference(problem))
    times = measure.interleaved(entrants, options.rounds, options.warm_up)
    rows = {e.name: measure.row(times[e.name], error=errors[e.name], threads=e.threads) for e in entrants}
    ratios = speed_ups(rows)
    show(rows, absent, ratios)
    settings = {"problem": problem.name, "planner": repr(problem.planner()), "rounds": options.rounds}
    result = {"machine": measure.machine(PACKAGES), **settings, "contenders": rows, "absent": absent, "times ours": ratios}
    if options.save:
        print(measure.save("plan_latency", result))
    return result


def entries(
    problem: PlanningProblem, threads: Sequence[int], compiled: bool, whole_plan: bool
) -> tuple[list[contenders.Contender], dict[str, str]]:
    """The contenders, and those whose package is missing."""
    return contenders.gather(
        [
            ("notebook", partial(notebook.contenders, problem, threads)),
            ("lean PyTorch", partial(lean_torch.contenders, problem, threads, compiled, whole_plan)),
            ("JAX jit of the whole plan", partial(jax_plan.contenders, problem, threads)),
            ("ONNX Runtime, the 125 model steps alone", partial(onnx_steps.contenders, problem)),
            ("mbrl_fast", partial(ours.contenders, problem, sorted({1, 2, *threads}))),
        ]
    )


def reference(problem: PlanningProblem) -> Any:
    """The decision [A] of the planner in pure PyTorch, in which the core's noise is the given one."""
    twin = CEM([problem.model], GoalDistance(), [-1.0, -1.0], [1.0, 1.0], noise=mf.noise)
    with torch.no_grad():
        return twin.plan(problem.state, goal=problem.goal).action.numpy()


def speed_ups(rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Times as long as ours: of each contender with one thread; and the best of its thread counts against our two."""
    kinds: dict[str, dict[int, float]] = {}
    for name, row in rows.items():
        kinds.setdefault(name.rsplit(", ", 1)[0], {})[row["threads"]] = row["median_ms"]
    own = kinds.pop("mbrl_fast")
    found: dict[str, dict[str, float]] = {}
    for name, times in kinds.items():
        found[name] = {"1 thread": times[1] / own[1]} if 1 in times else {}
        if len(times) > 1 and 2 in own:
            found[name]["best of theirs against our 2 threads"] = min(times.values()) / own[2]
    return found


def show(rows: dict[str, dict[str, Any]], absent: dict[str, str], ratios: dict[str, dict[str, float]]) -> None:
    base = rows.get(BASE, next(iter(rows.values())))["median_ms"]
    table = Table(title="one plan: 12,500 model steps of the notebook's network")
    for column in ("contender", "median ms", "p99 ms", f"speed, {BASE} = 1"):
        table.add_column(column, justify="left" if column == "contender" else "right")
    for name, row in rows.items():
        table.add_row(name, f"{row['median_ms']:.2f}", f"{row['p99_ms']:.2f}", f"{base / row['median_ms']:.1f}")
    for name, reason in absent.items():
        table.add_row(name, reason, "", "")
    Console(width=120).print(table)
    for name, found in ratios.items():
        print(f"{name}: " + ", ".join(f"{ratio:.1f} × ours ({which})" for which, ratio in found.items()))


if __name__ == "__main__":
    main()
