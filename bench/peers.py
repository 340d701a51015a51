"""Other libraries' planners on the seed problem: milliseconds per plan, microseconds per 1,000 model steps, beside ours.

    python -m bench.peers [--rounds 30] [--only torchrl mppi ...] [--save]

Same network, population 100, 25 model steps, 5 iterations: 12,500 model steps, counted in one plan of each. The algorithms are each
library's own, as the column says; each file bench/contenders/peer_*.py says it at length. Ours: CEM on the notebook's 5 knots × 5
steps, and CEM, MPPI and iCEM on 25 free steps, which draw five times the noise; a peer is set beside the one of the same
algorithm. One thread, one interleaved run.
Ours does not prune here, so that all take the same model steps.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import mbrl_fast as mf
from bench import measure
from bench.contenders import Contender, NotInstalledError
from bench.contenders.peer import ELITES, ITERATIONS, POPULATION, STEPS, Peer
from bench.problems import PlanningProblem, seed_problem

PEERS = {
    "torchrl": "torchrl CEMPlanner",
    "mppi": "pytorch-mppi",
    "icem": "pytorch-icem",
    "mbrl": "mbrl-lib",
    "mlpfile": "mlpfile in a C++ loop",
}
PACKAGES = ("torchrl", "pytorch-mppi", "pytorch-icem", "mbrl", "mlpfile")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--warm-up", type=int, default=3, help="untimed plans of each")
    parser.add_argument("--only", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--save", action="store_true", help="write bench/results/peers.json")
    options = parser.parse_args(arguments)
    problem = seed_problem()
    entrants, absent = gather(problem, options.only)
    steps = {peer.contender.name: checked(peer) for peer in entrants}
    times = measure.interleaved([peer.contender for peer in entrants], options.rounds, options.warm_up)
    mine = [peer for peer in entrants if peer.contender.name.startswith("mbrl_fast")]
    base = {(peer.kind, peer.held): ms_per_step(peer, times, steps) for peer in mine}
    rows = {peer.contender.name: row(peer, times, steps, base[peer.kind, peer.held]) for peer in entrants}
    show(rows, absent)
    result = {
        "machine": measure.machine(PACKAGES),
        "problem": problem.name,
        "rounds": options.rounds,
        "peers": rows,
        "absent": absent,
    }
    if options.save:
        print(measure.save("peers", result))
    return result


def gather(problem: PlanningProblem, names: Sequence[str]) -> tuple[list[Peer], dict[str, str]]:
    """Ours first, then the peers that can run here; and why each of the others cannot."""
    found, absent = ours(problem), {}
    for name in names:
        try:
            found += import_module(f"bench.contenders.peer_{name}").peers(problem)
        except NotInstalledError as error:
            absent[PEERS[name]] = str(error)
    return found, absent


FREE: dict[str, Any] = {"horizon": STEPS, "steps_per_knot": 1, "population": POPULATION, "iterations": ITERATIONS, "prune": False}


def ours(problem: PlanningProblem) -> list[Peer]:
    """The notebook's knots, and a noise for every step as most peers have."""
    cem = {"population": POPULATION, "elites": ELITES, "iterations": ITERATIONS, "prune": False}
    icem = {"elites": ELITES, "keep_elites": ELITES // 2, "decay": 1.0, "warm_start": False}
    return [
        own(problem, "CEM", "5 knots × 5 steps", problem.planner(**cem), held=True),
        own(problem, "CEM", "25 free steps", problem.planner(**cem, horizon=STEPS, steps_per_knot=1)),
        own(problem, "MPPI", "25 free steps", mf.MPPI.pytorch_mppi(problem.problem, **FREE, warm_start=False)),
        own(problem, "iCEM", "25 free steps", mf.ICEM(problem.problem, **FREE, **icem)),
    ]


def own(problem: PlanningProblem, kind: str, words: str, planner: Any, held: bool = False) -> Peer:
    def plan():
        return planner.plan(problem.state, goal=problem.goal).action

    def counted() -> int:
        return int(planner.plan(problem.state, goal=problem.goal).model_steps)

    name = "mbrl_fast" if kind == "CEM" else f"mbrl_fast {kind}"
    return Peer(Contender(f"{name}, {words}, 1 thread", plan, False), f"{kind}, {words}, from Python", counted, held, kind)


def checked(peer: Peer) -> int:
    """Model steps of one plan. Refuses one whose numbers or work are not those of the problem."""
    expected = ITERATIONS * POPULATION * STEPS
    steps, action = peer.counted(), np.asarray(peer.contender.plan())
    if not expected <= steps <= 1.1 * expected:
        raise SystemExit(f"{peer.contender.name} takes {steps} model steps a plan, not {expected}: not comparable")
    error = peer.contender.error() if peer.contender.error else 0.0
    if not (error <= 1e-3 and np.isfinite(action).all()):
        raise SystemExit(f"{peer.contender.name} answers {action}, error {error}: refusing to time a wrong answer")
    return steps


def ms_per_step(peer: Peer, times: dict[str, list[float]], steps: dict[str, int]) -> float:
    """Milliseconds per model step."""
    return float(np.median(times[peer.contender.name])) / steps[peer.contender.name]


def row(peer: Peer, times: dict[str, list[float]], steps: dict[str, int], own: float) -> dict[str, Any]:
    """One row of the result; `own` is our milliseconds per model step."""
    name, each = peer.contender.name, ms_per_step(peer, times, steps)
    return measure.row(
        times[name], computes=peer.computes, model_steps=steps[name], us_per_1000_steps=1e6 * each, times_ours=each / own
    )


def show(rows: dict[str, dict[str, Any]], absent: dict[str, str]) -> None:
    table = Table(title=f"population {POPULATION} × {STEPS} steps × {ITERATIONS} iterations on the notebook's network")
    for column in ("planner", "what it computes", "ms per plan", "µs per 1,000 steps", "× ours"):
        table.add_column(column, justify="left" if column in ("planner", "what it computes") else "right")
    for name, found in rows.items():
        numbers = (f"{found['median_ms']:.2f}", f"{found['us_per_1000_steps']:.0f}", f"{found['times_ours']:.1f}")
        table.add_row(name, found["computes"], *numbers)
    for name, reason in absent.items():
        table.add_row(name, reason, "", "", "")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
