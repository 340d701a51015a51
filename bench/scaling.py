"""How plans scale: with threads at several populations, and with the population.

    python -m bench.scaling [--problem seed] [--populations 100 1024 10000 100000] [--threads 1 2] [--rounds 7] [--save]

Every cell is timed in every round, small populations several times so that each cell gets a like share of the time. The table
gives the speed of each number of threads against one at the same population, and the cost per candidate against that at 1,024 (or
at the smallest population from there on): linear scaling is 1.00 all the way up.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from bench import measure
from bench.contenders import Contender
from bench.contenders.ours import contender
from bench.problems import gaussian_problem, mlp_problem, seed_problem

PROBLEMS = {"seed": seed_problem, "mlp": mlp_problem, "gaussian": gaussian_problem}
BASE_POPULATION = 1024


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem", choices=PROBLEMS, default="seed")
    parser.add_argument("--populations", type=int, nargs="+", default=[100, 1024, 2048, 4096, 10_000, 30_000, 100_000])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--save", action="store_true", help="write bench/results/scaling.json")
    options = parser.parse_args(arguments)
    make = PROBLEMS[options.problem]
    cells = {(n, t): contender(make(n), t) for n in options.populations for t in options.threads}
    times = timed(cells, options.rounds)
    rows = [cell(n, t, times) for n, t in cells]
    show(options.problem, rows)
    costs = [row["cost_against_base"] for row in rows if row["threads"] == 1 and row["population"] >= BASE_POPULATION]
    off = max((abs(cost - 1) for cost in costs), default=float("nan"))
    print(f"cost against population from {BASE_POPULATION} on, one thread: linear within {100 * off:.1f} %")
    result = {"machine": measure.machine(), "problem": options.problem, "rounds": options.rounds, "cells": rows}
    result["linear_within"] = off
    if options.save:
        print(measure.save("scaling", result))
    return result


def timed(cells: dict[tuple[int, int], Contender], rounds: int) -> dict[tuple[int, int], list[float]]:
    """Milliseconds per plan of every cell, the first of each round thrown away."""
    largest = max(population for population, _ in cells)
    times: dict[tuple[int, int], list[float]] = {key: [] for key in cells}
    for _ in tqdm(range(rounds), desc="timing", leave=False):
        for (population, threads), entrant in cells.items():
            measure.seconds(entrant)
            for _ in range(min(50, largest // population)):
                times[population, threads].append(1e3 * measure.seconds(entrant))
    return times


def cell(population: int, threads: int, times: dict[tuple[int, int], list[float]]) -> dict[str, Any]:
    """One row of the result."""
    median = {key: float(np.median(found)) for key, found in times.items()}
    base = min((n for n, t in median if n >= BASE_POPULATION and t == threads), default=population)
    own = median[population, threads]
    row = measure.row(times[population, threads], population=population, threads=threads, ns_per_candidate=1e6 * own / population)
    row["cost_against_base"] = (own / population) / (median[base, threads] / base)
    if (population, 1) in median:
        row["speed_against_1_thread"] = median[population, 1] / own
    return row


def show(problem: str, rows: list[dict[str, Any]]) -> None:
    table = Table(title=f"scaling of the {problem} problem")
    for column in ("population", "threads", "median ms", "speed, 1 thread = 1", f"cost a candidate, {BASE_POPULATION} = 1"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            f"{row['population']:,}", str(row["threads"]), f"{row['median_ms']:.2f}",
            f"{row.get('speed_against_1_thread', float('nan')):.2f}", f"{row['cost_against_base']:.3f}",
        )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
