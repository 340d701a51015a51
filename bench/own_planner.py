"""A planner written in Python on ``problem.rollout`` (examples/own_planner.py) beside the built-in CEM of the same size.

    python -m bench.own_planner [--rounds 200] [--populations 1000 4000] [--save]

Both do the same model steps from the same state: population × 25 × 5 iterations on the notebook's network, with pruning and
without it (the two prune alike but on candidates of their own, so the model steps that are left differ a little). Interleaved;
medians of times and of each round's ratio.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import measure
from bench.contenders import Contender
from bench.problems import PlanningProblem, seed_problem

EXAMPLE = Path(__file__).parents[1] / "examples" / "own_planner.py"


def example() -> ModuleType:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("own_planner", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--populations", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--save", action="store_true", help="write bench/results/own_planner.json")
    options = parser.parse_args(arguments)
    rows = [row for population in options.populations for row in compare(seed_problem(), population, options.rounds)]
    show(rows)
    result = {"machine": measure.machine(), "rounds": options.rounds, "rows": rows}
    if options.save:
        print(measure.save("own_planner", result))
    return result


def compare(p: PlanningProblem, population: int, rounds: int) -> list[dict[str, Any]]:
    """Milliseconds of the two, with pruning and without."""
    own = example().OwnPlanner
    entrants = []
    for prune in (False, True):
        elites = population // 10
        ours = p.planner(population=population, elites=elites, prune=prune)
        theirs = own(p.problem, population=population, elites=elites, keep=elites if prune else 0)
        entrants.append(Contender(f"built-in {prune}", lambda ours=ours: ours.plan(p.state, goal=p.goal).action, False))
        entrants.append(Contender(f"own {prune}", lambda theirs=theirs: theirs.plan(p.state, goal=p.goal)[0], False))
    times = measure.interleaved(entrants, rounds, warm_up=3)
    rows = []
    for prune in (False, True):
        built_in, mine = (np.array(times[f"{name} {prune}"]) for name in ("built-in", "own"))
        medians = {"built_in_ms": float(np.median(built_in)), "own_ms": float(np.median(mine))}
        rows.append({"population": population, "prune": prune, **medians, "ratio": float(np.median(mine / built_in))})
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    table = Table(title="a planner in Python on problem.rollout beside the built-in CEM, one thread")
    for column in ("population", "pruning", "built-in ms", "own ms", "own / built-in"):
        table.add_column(column, justify="right")
    for row in rows:
        numbers = (f"{row['built_in_ms']:.2f}", f"{row['own_ms']:.2f}", f"{row['ratio']:.3f}")
        table.add_row(str(row["population"]), "on" if row["prune"] else "off", *numbers)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
