"""Share of the measured peak of multiply-adds that whole plans reach, and what single kinds of instruction cost.

    python -m bench.roofline [--problems seed-1024 mlp ...] [--rounds 30] [--kernels] [--save]

The peak is measured, not computed from clock rates: a loop of twelve independent chains of fused multiply-adds that never leave the
registers, a burst of it before every plan. A plan's work is the multiply-adds of the fused Program for real candidates (padding
lanes, activations, noise and refits count nothing), its time that of the whole `plan()` as Python calls it, one thread.
Pruning is off: every plan does the same work. On a shared machine a neighbour slows a plan, which lives in the caches, more than
the loop, which lives in the registers: beside the median stands the share that one plan in ten exceeds.

`--kernels` costs one kind of instruction at a time: two Problems that differ only in how often it is applied, so that everything
else cancels. Linears as a share of the peak, element-wise ones in nanoseconds per 1,000 numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from bench import measure, native
from bench.contenders import Contender
from bench.problems import PROBLEMS, PlanningProblem
from mbrl_fast.export import export

DEFAULT = ("seed", "seed-1024", "mlp", "gaussian", "drive")
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu, "abs": torch.abs, "sqrt": torch.sqrt, "exp": torch.exp, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
    "silu": nn.functional.silu, "softplus": nn.functional.softplus, "sin": torch.sin, "cos": torch.cos, "atan": torch.atan,
}  # fmt: skip
WIDTHS = (6, 16, 64, 200)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", default=DEFAULT, choices=PROBLEMS)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--kernels", action="store_true", help="single kinds of instruction, too")
    parser.add_argument("--population", type=int, default=1024, help="of --kernels")
    parser.add_argument("--save", action="store_true", help="write bench/results/roofline.json")
    options = parser.parse_args(arguments)
    isa = native.best_isa()
    rows = {name: share(PROBLEMS[name](), isa, options.rounds) for name in options.problems}
    show(rows)
    result = {"machine": measure.machine(), "spin loop": isa, "rounds": options.rounds, "plans": rows}
    if options.kernels:
        result["linears"] = linears(isa, options.rounds, options.population)
        result["element-wise"] = element_wise(options.rounds, options.population)
        show_kernels(result["linears"], result["element-wise"])
    if options.save:
        print(measure.save("roofline", result))
    return result


def share(p: PlanningProblem, isa: str, rounds: int) -> dict[str, Any]:
    """Of the peak, over the whole plan: the median over the rounds, each against the burst before it."""
    planner = p.planner(prune=False)
    steps = planner.plan(p.state, **p.inputs).model_steps
    peaks: list[float] = []
    contender = Contender(p.name, lambda: planner.plan(p.state, **p.inputs).action, False)
    burst = partial(native.peak, isa)
    times = measure.interleaved([contender], rounds, warm_up=2, each=lambda: peaks.append(burst()))[p.name]
    shares = [1e3 * steps * p.multiply_adds / ms / peak for ms, peak in zip(times, peaks, strict=True)]
    return measure.row(
        times, name=p.name, planner=repr(planner), model_steps=steps, multiply_adds_per_step=p.multiply_adds,
        ns_per_step=1e6 * float(np.median(times)) / steps, peak_multiply_adds_per_s=float(np.median(peaks)),
        share_of_peak=float(np.median(shares)), share_undisturbed=float(np.quantile(shares, 0.9)),
    )  # fmt: skip


class Repeated(nn.Module):
    """`layers` one after the other on the whole state."""

    def __init__(self, layers: Sequence[Callable[[Tensor], Tensor]]) -> None:
        super().__init__()
        self.layers = layers
        self.linears = nn.ModuleList(layer for layer in layers if isinstance(layer, nn.Module))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """state [N, S], action [N, 1] -> [N, S]."""
        for layer in self.layers:
            state = layer(state)
        return state


def planning(name: str, layers: Sequence[Callable[[Tensor], Tensor]], size: int, population: int) -> PlanningProblem:
    """`layers` as dynamics of a state of `size`; the reward is its first entry."""
    model = Repeated(layers)
    problem = export(
        model, lambda next_state: next_state[:, 0], state_size=size, action_size=1, action_low=-1, action_high=1, dt=0.1
    )
    settings = {"population": population, "horizon": 2, "steps_per_knot": 20, "iterations": 1}
    return PlanningProblem(name, model, problem, np.full(size, 0.5, np.float32), {}, settings)


def slope(short: PlanningProblem, long: PlanningProblem, times_more: int, rounds: int) -> float:
    """Seconds per candidate and model step of one more application."""
    contenders = []
    for p in (short, long):
        planner = p.planner(prune=False)
        steps = planner.plan(p.state).model_steps
        contenders.append(Contender(p.name, partial(_first_action, planner, p), False))
    ms = {name: float(np.median(found)) for name, found in measure.interleaved(contenders, rounds, warm_up=2).items()}
    return 1e-3 * (ms[long.name] - ms[short.name]) / times_more / steps


def _first_action(planner: Any, p: PlanningProblem) -> Any:
    return planner.plan(p.state).action


def linears(isa: str, rounds: int, population: int) -> dict[str, float]:
    """Share of the peak of one square linear."""
    torch.manual_seed(0)
    found = {}
    for width in WIDTHS:
        short, long = (planning(f"{n} linears", [nn.Linear(width, width) for _ in range(n)], width, population) for n in (1, 4))
        work = (long.multiply_adds - short.multiply_adds) / 3
        peak = float(np.median([native.peak(isa) for _ in range(11)]))
        found[f"{width} × {width}"] = work / slope(short, long, 3, rounds) / peak
    return found


def element_wise(rounds: int, population: int, size: int = 16) -> dict[str, float]:
    """Nanoseconds per 1,000 numbers."""
    found = {}
    for name, function in FUNCTIONS.items():
        short, long = (planning(f"{n} × {name}", [function] * n, size, population) for n in (1, 9))
        found[name] = 1e12 * slope(short, long, 8, rounds) / size
    return found


def show(rows: dict[str, dict[str, Any]]) -> None:
    table = Table(title="share of the measured peak of multiply-adds over the whole plan, one thread")
    for column in ("problem", "multiply-adds a step", "median ms", "ns per model step", "peak G/s", "share", "one in ten"):
        table.add_column(column, justify="left" if column == "problem" else "right")
    for row in rows.values():
        table.add_row(
            row["name"], f"{row['multiply_adds_per_step']:,}", f"{row['median_ms']:.3f}", f"{row['ns_per_step']:.1f}",
            f"{1e-9 * row['peak_multiply_adds_per_s']:.1f}", f"{100 * row['share_of_peak']:.1f} %",
            f"{100 * row['share_undisturbed']:.1f} %",
        )  # fmt: skip
    Console(width=140).print(table)


def show_kernels(shares: dict[str, float], costs: dict[str, float]) -> None:
    table = Table(title="one kind of instruction at a time")
    table.add_column("instruction")
    table.add_column("cost", justify="right")
    for name, found in shares.items():
        table.add_row(f"linear {name}", f"{100 * found:.1f} % of peak")
    for name, cost in costs.items():
        table.add_row(name, f"{cost:.0f} ns per 1,000")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
