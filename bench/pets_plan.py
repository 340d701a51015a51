"""Milliseconds of one plan of the PETS homework, contender by contender, in one interleaved run.

    python -m bench.pets_plan [--rounds 60] [--members 1 5] [--threads 1 2] [--skip-compiled] [--save]

Pendulum-v1, 15 steps ahead, random shooting over 1,000 candidates × 10 particles, with one Gaussian network and with five (two
particles each). Every contender first gets the same candidates and the same noise and must give the reference's returns within 1e-5
and choose the same sequence, or nothing is timed. What pruning saves depends on the state: it is timed apart, in three of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

import mbrl_fast as mf
from bench import contenders, measure
from bench.contenders import pets_homework, pets_lean, pets_ours, pets_rows_last
from bench.pets_problem import STATES, PETSProblem, Shooter, pendulum, reference
from mbrl_fast.reference.particles import ITERATION, particles

TOLERANCE = 1e-5
OURS, LEAN, HOMEWORK = "mbrl_fast", "lean PyTorch", "homework, MultivariateNormal"


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--warm-up", type=int, default=3, help="untimed plans of each contender")
    parser.add_argument("--members", type=int, nargs="+", default=[1, 5], help="networks of each problem")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--population", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=60, help="of the networks' training")
    parser.add_argument("--skip-compiled", action="store_true", help="leave out torch.compile (compiles for minutes)")
    parser.add_argument("--save", action="store_true", help="write bench/results/pets_plan.json")
    options = parser.parse_args(arguments)
    found = {}
    for members in options.members:
        p = pendulum(members, epochs=options.epochs, population=options.population)
        found[p.name] = compare(p, options.threads, not options.skip_compiled, options.rounds, options.warm_up)
        show(p.name, found[p.name])
    result = {"machine": measure.machine(), "rounds": options.rounds, "problems": found}
    if options.save:
        print(measure.save("pets_plan", result))
    return result


def compare(p: PETSProblem, threads: Sequence[int], compiled: bool, rounds: int, warm_up: int) -> dict[str, Any]:
    """Every contender of one problem, checked and timed; and ours with and without pruning in each state."""
    shooters = [
        *pets_homework.shooters(p, threads),
        *pets_lean.shooters(p, threads, compiled),
        *pets_rows_last.shooters(p, threads, compiled),
        *pets_ours.shooters(p, threads),
    ]
    errors = {shooter.contender.name: check(p, shooter) for shooter in shooters}
    entrants = [shooter.contender for shooter in shooters if "pruning" not in shooter.contender.name]
    times = measure.interleaved(entrants, rounds, warm_up)
    rows = {e.name: measure.row(times[e.name], error=errors[e.name], threads=e.threads) for e in entrants}
    return {
        "planner": repr(p.planner()),
        "contenders": rows,
        "times ours": {name: ratios(rows, name, threads) for name in (LEAN, HOMEWORK)},
        "pruning": {start: pruning(p.at(start), rounds, warm_up) for start in STATES},
    }


def check(p: PETSProblem, shooter: Shooter) -> float:
    """The largest relative error of its returns; refuses to go on if it, or what its choice loses, is too large."""
    contender, actions, noise = shooter.contender, candidates(p), particle_noise(p)
    expected = reference(p, actions, noise)
    torch.set_num_threads(contender.threads)
    returns = shooter.returns(actions, noise).double()
    error = float(((returns - expected) / expected).abs().max())
    lost = float((expected.max() - expected[returns.argmax()]) / expected.max().abs())
    if not max(error, lost) <= TOLERANCE:
        raise SystemExit(f"{contender.name} is {error:.1e} off, its choice {lost:.1e}: refusing to time a wrong answer")
    if not contender.draws_from_torch and not np.array_equal(contender.plan(), actions[expected.argmax(), 0].numpy()):
        raise SystemExit(f"{contender.name} plans another action than the reference: refusing to time a wrong answer")
    return error


def candidates(p: PETSProblem) -> Tensor:
    """What the core's random shooting draws for its first plan [N, T, 1]: uniform over ±2."""
    normal = torch.from_numpy(mf.noise(0, 0, 0, 0, p.population, p.steps))
    return 2.0 * torch.erf(normal / 2**0.5)[..., None]


def particle_noise(p: PETSProblem) -> Tensor:
    """The core's, of its first plan [T, P, 3]."""
    return particles(partial(mf.noise, 0, 0, 0, ITERATION), p.particles, len(p.members), p.steps, 3, "ts_inf")[1]


def ratios(rows: dict[str, dict[str, Any]], name: str, threads: Sequence[int]) -> dict[str, float]:
    """Times as long as ours without pruning, thread count by thread count."""
    medians = {n: [rows[contenders.named(who, n)]["median_ms"] for who in (name, OURS)] for n in threads}
    return {contenders.named("", n).removeprefix(", "): theirs / own for n, (theirs, own) in medians.items()}


def pruning(p: PETSProblem, rounds: int, warm_up: int) -> dict[str, float]:
    """Milliseconds of ours without and with it, and the share of the model steps that it leaves."""
    entrants = {prune: pets_ours.shooter(p, prune, 1).contender for prune in (False, True)}
    times = measure.interleaved(list(entrants.values()), rounds, warm_up)
    medians = {prune: float(np.median(times[entrant.name])) for prune, entrant in entrants.items()}
    steps = {prune: p.planner(prune=prune).plan(p.state).model_steps for prune in entrants}
    return {"off_ms": medians[False], "on_ms": medians[True], "steps_left": steps[True] / steps[False]}


def show(name: str, found: dict[str, Any]) -> None:
    table = Table(title=name)
    for column in ("contender", "median ms", "p99 ms", "× ours, least threads"):
        table.add_column(column, justify="left" if column == "contender" else "right")
    own = next(row["median_ms"] for who, row in found["contenders"].items() if who.startswith(OURS))
    for who, row in found["contenders"].items():
        table.add_row(who, f"{row['median_ms']:.2f}", f"{row['p99_ms']:.2f}", f"{row['median_ms'] / own:.1f}")
    Console(width=120).print(table)
    for start, row in found["pruning"].items():
        print(f"pruning while {start}: {row['off_ms']:.2f} -> {row['on_ms']:.2f} ms, {row['steps_left']:.0%} of the model steps")


if __name__ == "__main__":
    main()
