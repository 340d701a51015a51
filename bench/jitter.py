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
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from bench import deadlines, measure, native
from bench.problems import PlanningProblem, seed_problem

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
    result["steadiness"] = {"plans": options.plans, "plan": measure.tail(plans), "spin": measure.tail(spins)}
    result["steadiness"]["p99.9/p50 against spin"] = ratio(result["steadiness"])
    show_steadiness(result["steadiness"])
    if options.deadline_plans:
        result["deadlines"] = deadlines.sweep(problem, isa, options.deadline_plans, options.threads, float(np.median(plans)))
        deadlines.show(result["deadlines"])
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


def ratio(steady: dict[str, Any]) -> float:
    """(p99.9 / p50 of plans) / (p99.9 / p50 of spins)."""
    plan, spin = steady["plan"], steady["spin"]
    return float(plan["p99.9"] / plan["p50"] / (spin["p99.9"] / spin["p50"]))


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
        name = f"plan {measure.percentile(q)}"
        axes.axvline(
            1e-6 * float(np.percentile(plans, q)),
            color="tab:blue",
            linestyle=style,
            linewidth=1,
            label=name,
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
    for q in measure.PERCENTILES:
        table.add_column(measure.percentile(q), justify="right")
    for name in ("plan", "spin"):
        table.add_row(name, *(f"{us:.1f}" for us in steady[name].values()))
        table.add_row(f"{name} / p50", *(f"{us / steady[name]['p50']:.3f}" for us in steady[name].values()))
    Console(width=120).print(table)
    print(f"p99.9/p50 of plans is {steady['p99.9/p50 against spin']:.3f} × that of spins")


if __name__ == "__main__":
    main()
