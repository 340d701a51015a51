"""How much of a tiny plan (population 16, horizon 5) is not model steps: arguments from Python, noise, refit, the answer.

    python -m bench.tiny [--rounds 2000] [--iterations 1 5] [--save]

The time in the executor cannot be taken out by a clock of its own: reading one costs as much as a step. So the same plan is timed
with every knot held for 1, 2, 4 and 8 model steps. Noise, sampling, elites, refit, and what Python does stay exactly the same
(the knots do), the tile keeps its width, and only model steps are added: the slope of a straight line through the four medians is
the executor's time per model step of the horizon, its value at zero steps everything outside. The uniform prologue and the
conversion of the arguments count as outside; the copy of the longer answer counts as inside (some 24 bytes a step). The plan's own
rollout of its answer, one more tile, is model steps too.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from bench import measure
from bench.problems import tiny_problem

HELD = (1, 2, 4, 8)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--iterations", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--save", action="store_true", help="write bench/results/tiny.json")
    options = parser.parse_args(arguments)
    rows = [outside(iterations, options.rounds) for iterations in options.iterations]
    show(rows)
    result = {"machine": measure.machine(), "rounds": options.rounds, "plans": rows}
    if options.save:
        print(measure.save("tiny", result))
    return result


def outside(iterations: int, rounds: int) -> dict[str, Any]:
    """Microseconds of one plan, and the part of it that is not model steps."""
    p = tiny_problem()
    planners = {steps: p.planner(iterations=iterations, steps_per_knot=steps) for steps in HELD}
    times: dict[int, list[int]] = {steps: [] for steps in HELD}
    gc.disable()
    try:
        for _ in tqdm(range(rounds), desc=f"timing {iterations} iterations", leave=False):
            for steps, planner in planners.items():
                planner.plan(p.state, goal=p.goal)
                start = time.perf_counter_ns()
                planner.plan(p.state, goal=p.goal)
                times[steps].append(time.perf_counter_ns() - start)
    finally:
        gc.enable()
    medians = {steps: 1e-3 * float(np.median(found)) for steps, found in times.items()}
    slope, at_zero = np.polyfit(list(medians), list(medians.values()), 1)
    fitted = {steps: at_zero + slope * steps for steps in medians}
    return {
        "planner": repr(planners[1]),
        "iterations": iterations,
        "plan_us": medians[1],
        "plan_us_p99": 1e-3 * float(np.percentile(times[1], 99)),
        "plan_us_by_steps_per_knot": {str(steps): us for steps, us in medians.items()},
        "executor_us": float(slope),
        "outside_us": float(at_zero),
        "worst_fit_us": float(max(abs(fitted[steps] - us) for steps, us in medians.items())),
    }


def show(rows: list[dict[str, Any]]) -> None:
    table = Table(title="a plan of population 16, horizon 5, one thread, called from Python")
    for column in ("iterations", "plan µs", "p99 µs", "in the executor µs", "outside µs", "worst fit µs"):
        table.add_column(column, justify="right")
    for row in rows:
        numbers = (row["plan_us"], row["plan_us_p99"], row["executor_us"], row["outside_us"], row["worst_fit_us"])
        table.add_row(str(row["iterations"]), *(f"{number:.2f}" for number in numbers))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
