"""How well plans keep a deadline, beside spins of the deadline's length: the second part of `bench.jitter`."""

from __future__ import annotations

import gc
import inspect
import time
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

import mbrl_fast as mf
from bench import measure, native
from bench.problems import PlanningProblem

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Deadlines of the sweep, in median plans."""
ALLOWED_US = 20.0
"""Beyond the control's overshoot and one model step of a tile."""


def sweep(p: PlanningProblem, isa: str, count: int, threads: int, median_ns: float) -> dict[str, Any]:
    """Overshoot of plans and of spins over a sweep of deadlines; {"absent": why} for a build without deadlines."""
    if "deadline_ms" not in inspect.signature(mf.CEM.plan).parameters:
        return {"absent": "this build's planner has no deadline_ms"}
    planner = p.planner(threads=threads)
    limits = [share * median_ns for share in SHARES]
    lengths = [native.calibrate(isa, 1e-9 * limit, trials=31) if limit else 0 for limit in limits]
    order = np.random.default_rng(0).integers(0, len(SHARES), count)
    taken, spun = np.empty(count, np.int64), np.empty(count, np.int64)
    statuses: list[Counter[str]] = [Counter() for _ in SHARES]
    spin, clock = native.spin(isa), time.perf_counter_ns
    gc.disable()
    try:
        for i, which in enumerate(tqdm(order.tolist(), desc="deadlines", leave=False, mininterval=2.0)):
            milliseconds = 1e-6 * limits[which]
            start = clock()
            plan = planner.plan(p.state, goal=p.goal, deadline_ms=milliseconds)
            taken[i] = clock() - start
            statuses[which][str(plan.status)] += 1
            start = clock()
            spin(lengths[which])
            spun[i] = clock() - start
    finally:
        gc.enable()
    limit_of = np.array(limits)[order]
    step = tile_step_us(p, threads, median_ns)
    rows = [
        _overshoot(taken[order == k] - limits[k], spun[order == k] - limits[k], step, share=SHARES[k],
                   deadline_us=1e-3 * limits[k], statuses=dict(statuses[k]))
        for k in range(len(SHARES)) if np.any(order == k)
    ]  # fmt: skip
    return {"model_step_of_a_tile_us": step, "all": _overshoot(taken - limit_of, spun - limit_of, step), "by deadline": rows}


def _overshoot(plans: NDArray[Any], spins: NDArray[Any], step_us: float, **more: Any) -> dict[str, Any]:
    """Percentiles of the overshoot in microseconds, and the share of plans within the limit at the same percentile."""
    beyond = 1e-3 * (np.sort(plans) - np.sort(spins))
    allowed = step_us + ALLOWED_US
    return {
        **more, "plan_us": measure.tail(plans), "spin_us": measure.tail(spins), "p99.9 beyond spin_us": _at(beyond, 99.9),
        "allowed_us": allowed, "share within": float(np.mean(beyond <= allowed)),
    }  # fmt: skip


def _at(ascending: NDArray[Any], q: float) -> float:
    return float(ascending[min(len(ascending) - 1, int(len(ascending) * q / 100.0))])


def tile_step_us(p: PlanningProblem, threads: int, median_ns: float) -> float:
    """Microseconds of one model step of one tile: the plan's time over its tiles × steps, of 16 lanes when it names no tiles."""
    settings = p.planner().settings
    steps = settings.horizon * settings.steps_per_knot
    plan = p.planner(threads=threads).plan(p.state, goal=p.goal)
    tiles = getattr(getattr(plan, "stats", None), "tiles", None) or getattr(plan, "tiles", None)
    if tiles is None and isinstance(getattr(plan, "stats", None), dict):
        tiles = plan.stats.get("tiles")  # type: ignore[attr-defined]
    return 1e-3 * median_ns / (int(tiles) * steps if tiles else plan.model_steps / 16)


def show(found: dict[str, Any]) -> None:
    if "absent" in found:
        print(f"deadline sweep: {found['absent']}")
        return
    table = Table(title="time beyond the deadline, µs")
    for column in ("deadline", "plan p50", "plan p99.9", "spin p99.9", "beyond spin", "allowed", "within", "statuses"):
        table.add_column(column, justify="right")
    for row in [*found["by deadline"], found["all"]]:
        table.add_row(
            f"{row['deadline_us']:.0f}" if "deadline_us" in row else "all", f"{row['plan_us']['p50']:.1f}",
            f"{row['plan_us']['p99.9']:.1f}", f"{row['spin_us']['p99.9']:.1f}", f"{row['p99.9 beyond spin_us']:.1f}",
            f"{row['allowed_us']:.1f}", f"{100 * row['share within']:.2f} %",
            " ".join(f"{status} {count}" for status, count in row.get("statuses", {}).items()),
        )  # fmt: skip
    Console(width=140).print(table)
