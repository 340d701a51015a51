"""A whole plan of about 780 model steps beside one `predict` of a stable-baselines3 SAC policy.

    python -m bench.policy [--rounds 3000] [--save]

The question: is planning, with a model of 64 hidden units, slower than asking a policy network of usual size? Both are called from
Python with NumPy arrays, one thread, in turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import contenders, measure
from bench.contenders import ours, sac_predict
from bench.problems import small_problem


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3000)
    parser.add_argument("--save", action="store_true", help="write bench/results/policy.json")
    options = parser.parse_args(arguments)
    problem = small_problem()
    entrants, absent = contenders.gather(
        [("stable-baselines3 SAC predict", sac_predict.contenders), ("mbrl_fast", partial(ours.contenders, problem, [1]))]
    )
    times = measure.interleaved(entrants, options.rounds, warm_up=50)
    rows = {name: measure.row(found) for name, found in times.items()}
    table = Table(title=f"one decision: {problem.planner()!r}")
    for column in ("contender", "median ms", "p99 ms"):
        table.add_column(column, justify="left" if column == "contender" else "right")
    for name, row in rows.items():
        table.add_row(name, f"{row['median_ms']:.3f}", f"{row['p99_ms']:.3f}")
    for name, reason in absent.items():
        table.add_row(name, reason, "")
    Console(width=120).print(table)
    machine = measure.machine(["stable-baselines3"])
    result = {
        "machine": machine,
        "planner": repr(problem.planner()),
        "rounds": options.rounds,
        "contenders": rows,
        "absent": absent,
    }
    if options.save:
        print(measure.save("policy", result))
    return result


if __name__ == "__main__":
    main()
