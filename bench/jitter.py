"""How steady plans are, and how well they keep a deadline, beside a control that only spins.

    python -m bench.jitter [--plans 100000] [--deadline-plans 100000] [--picture FILE] [--save]

The control is a loop of fused multiply-adds in registers of the same length as the median plan, in turn with the plans: what it
suffers, the machine does to everybody (interrupts, other guests, clock changes). So the tail of the plans is judged as
(p99.9 / p50 of plans) / (p99.9 / p50 of spins).

The deadline sweep plans with deadlines from 0 to the length of a plan, in a random order, and sets a spin calibrated to each
deadline beside it. Overshoot is the time taken beyond the deadline; the limit is the control's overshoot at the same percentile,
one model step of a tile, and 20 µs. Times are taken in Python around the whole call.
"""

from __future__ import annotations

import argparse
import gc
import inspect
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

import mbrl_fast as mf
from bench import measure, native
from bench.problems import PlanningProblem, seed_problem

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99, 100.0)
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Deadlines of the sweep, in median plans."""
ALLOWED_US = 20.0
Times = NDArray[np.int64]


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plans", type=int, default=100_000)
    parser.add_argument("--deadline-plans", type=int, default=100_000, help="over the whole sweep; 0 leaves it out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--picture", type=Path, help="where the histogram goes; with --save bench/results/jitter.png")
    parser.add_argument("--save", action="store_true", help="write bench/results/jitter.json")
    options = parser.parse_args(arguments)
    problem = seed_problem()
    isa = native.best_isa()
    result: dict[str, Any] = {"machine": measure.machine(), "problem": problem.name, "threads": options.threads, "spin loop": isa}
    plans, spins = steadiness(problem, isa, options.plans, options.threads)
    result["steadiness"] = {"plans": options.plans, "plan": tail(plans), "spin": tail(spins)}
    result["steadiness"]["p99.9/p50 against spin"] = ratio(result["steadiness"])
    show_steadiness(result["steadiness"])
    if options.deadline_plans:
        result["deadlines"] = deadlines(problem, isa, options.deadline_plans, options.threads, float(np.median(plans)))
        show_deadlines(result["deadlines"])
    picture_path = options.picture or (measure.RESULTS / "jitter.png" if options.save else None)
    if picture_path:
        picture(plans, spins, picture_path)
        print(picture_path)
    if options.save:
        print(measure.save("jitter", result))
    return result


def steadiness(p: PlanningProblem, isa: str, count: int, threads: int) -> tuple[Times, Times]:
    """Nanoseconds of `count` plans and as many spins of their median length, in turn."""
    planner = p.planner(threads=threads)
    spin, plan = native.spin(isa), planner.plan
    trial = [_ns(lambda: plan(p.state, goal=p.goal)) for _ in range(min(count, 200) + 20)][20:]
    rounds = native.calibrate(isa, 1e-9 * float(np.median(trial)), trials=51)
    plans, spins = np.empty(count, np.int64), np.empty(count, np.int64)
    clock = time.perf_counter_ns
    gc.disable()
    try:
        for i in tqdm(range(count), desc="plans and spins", leave=False, mininterval=2.0):
            start = clock()
            plan(p.state, goal=p.goal)
            plans[i] = clock() - start
            start = clock()
            spin(rounds)
            spins[i] = clock() - start
    finally:
        gc.enable()
    return plans, spins


def _ns(call: Callable[[], Any]) -> int:
    start = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - start


def tail(times: Times) -> dict[str, float]:
    """Percentiles in microseconds."""
    return {_percentile(q): 1e-3 * float(np.percentile(times, q)) for q in PERCENTILES}


def _percentile(q: float) -> str:
    return "max" if q == 100.0 else f"p{q:g}"


def ratio(steady: dict[str, Any]) -> float:
    """(p99.9 / p50 of plans) / (p99.9 / p50 of spins)."""
    plan, spin = steady["plan"], steady["spin"]
    return float(plan["p99.9"] / plan["p50"] / (spin["p99.9"] / spin["p50"]))


def deadlines(p: PlanningProblem, isa: str, count: int, threads: int, median_ns: float) -> dict[str, Any]:
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
        **more, "plan_us": tail(plans), "spin_us": tail(spins), "p99.9 beyond spin_us": _at(beyond, 99.9), "allowed_us": allowed,
        "share within": float(np.mean(beyond <= allowed)),
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


def picture(plans: Times, spins: Times, path: Path) -> None:
    """Both histograms, counts on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    both = 1e-6 * np.concatenate([plans, spins])
    edges = np.geomspace(both.min() * 0.98, both.max() * 1.02, 160)
    for times, name, colour in ((spins, "spin control", "0.6"), (plans, "plan", "tab:blue")):
        axes.hist(1e-6 * times, bins=edges, histtype="stepfilled", alpha=0.6, color=colour, label=name)
    for q, style in ((50.0, ":"), (99.9, "--")):
        axes.axvline(
            1e-6 * float(np.percentile(plans, q)), color="tab:blue", linestyle=style, linewidth=1, label=f"plan {_percentile(q)}"
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="ms",
        ylabel="count",
        title=f"{len(plans):,} plans of 12,500 model steps, in turn with spins",
    )
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def show_steadiness(steady: dict[str, Any]) -> None:
    table = Table(title=f"{steady['plans']:,} plans in turn with a spin of equal length, µs")
    table.add_column("")
    for q in PERCENTILES:
        table.add_column(_percentile(q), justify="right")
    for name in ("plan", "spin"):
        table.add_row(name, *(f"{us:.1f}" for us in steady[name].values()))
        table.add_row(f"{name} / p50", *(f"{us / steady[name]['p50']:.3f}" for us in steady[name].values()))
    Console(width=120).print(table)
    print(f"p99.9/p50 of plans is {steady['p99.9/p50 against spin']:.3f} × that of spins")


def show_deadlines(found: dict[str, Any]) -> None:
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


if __name__ == "__main__":
    main()
