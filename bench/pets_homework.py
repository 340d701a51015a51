"""The PETS homework from end to end: Pendulum-v1 learnt online, with one Gaussian network and with five.

    python -m bench.pets_homework [--seeds 0 1 2 3 4] [--members 1 5] [--save]

One episode of random actions, then ten that are planned, each after a fit to everything seen so far; random shooting, 15 steps,
1,000 candidates × 10 particles: what `mbrl-fast pets --task pendulum` does, without its run folder. The task is learnt where the
mean absolute angle over an episode's last 100 steps is below 0.05 rad. Seconds are those of the whole run, training and environment
included. Settings were chosen on seeds from 100 on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from bench import measure
from mbrl_fast.data import Transitions
from mbrl_fast.online import PETSSettings, explore, make_settings, next_trial
from mbrl_fast.tasks import Pendulum
from mbrl_fast.tasks.pendulum import angle

LEARNT = 0.05
"""Radians: below it, the mean absolute angle at the end of an episode says that the task is learnt."""
END = 100
"""Steps of an episode that are its end."""
PHASES = ("plan", "fit", "export", "environment")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--members", type=int, nargs="+", default=[1, 5], help="networks of each run")
    parser.add_argument("--trials", type=int, help="planned episodes, default as the task recommends")
    parser.add_argument("--max-steps", type=int, help="of an episode")
    parser.add_argument("--epochs", type=int, help="of each fit, default as the task recommends")
    parser.add_argument("--threads", type=int, default=2, help="of the planner; training has one")
    parser.add_argument("--save", action="store_true", help="write bench/results/pets_homework.json")
    options = parser.parse_args(arguments)
    given = {"trials": options.trials, "max_steps": options.max_steps, "epochs": options.epochs, "threads": options.threads}
    found = {}
    for members in options.members:
        runs = [make_settings("pendulum", seed=seed, members=members, **given) for seed in options.seeds]
        rows = [run(settings) for settings in tqdm(runs, desc=f"{members} network(s)", leave=False)]
        found[str(members)] = {"settings": {**runs[0].to_dict(), "seed": options.seeds}, **summary(rows), "seeds": rows}
        show(members, found[str(members)])
    result = {"machine": measure.machine(("gymnasium",)), "networks": found}
    if options.save:
        print(measure.save("pets_homework", result))
    return result


def run(settings: PETSSettings) -> dict[str, Any]:
    """All trials of one seed: the angle at the end of each, and where the seconds went."""
    task, angles, problem = Pendulum(), list[float](), None
    begin = perf_counter()
    learnt = explore(settings, task)
    while learnt.trial < settings.trials:
        learnt, problem = next_trial(settings, task, learnt, problem)
        angles.append(final_angle(learnt.data))
    seconds = perf_counter() - begin
    spent = {phase: sum(record.get(f"seconds_{phase}", 0.0) for record in learnt.records) for phase in PHASES}
    learnt_at = next((trial for trial, found in enumerate(angles, 1) if found < LEARNT), None)
    return {
        "seed": settings.seed, "learnt_at_trial": learnt_at, "final_angles": angles, "returns": learnt.returns.tolist(),
        "seconds": seconds, **{f"seconds_{phase}": value for phase, value in spent.items()},
    }  # fmt: skip


def final_angle(data: Transitions) -> float:
    """Mean |θ| in radians over the last steps of the last episode."""
    return float(np.abs(angle(data.next_states[data.episodes == data.episodes[-1]][-END:])).mean())


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Over the seeds; seconds are means, beside the slowest run."""
    trials = [row["learnt_at_trial"] for row in rows]
    phases = {f"seconds_{phase}": float(np.mean([row[f"seconds_{phase}"] for row in rows])) for phase in PHASES}
    return {
        "learnt_within_3": sum(trial is not None and trial <= 3 for trial in trials),
        "slowest_to_learn": None if None in trials else max(trials),
        "seconds": float(np.mean([row["seconds"] for row in rows])),
        "seconds_slowest": max(row["seconds"] for row in rows),
        **phases,
    }


def show(members: int, found: dict[str, Any]) -> None:
    rows = found["seeds"]
    table = Table(
        title=f"{members} network{'s' * (members > 1)}: learnt within 3 episodes in {found['learnt_within_3']} of {len(rows)}"
    )
    for column in ("seed", "learnt at", "mean |angle| at the end of each episode, rad", "seconds", *PHASES):
        table.add_column(column, justify="left" if column.startswith("mean") else "right")
    for row in rows:
        angles = " ".join(f"{found:.3f}" for found in row["final_angles"])
        seconds = [f"{row[name]:.1f}" for name in ("seconds", *(f"seconds_{phase}" for phase in PHASES))]
        table.add_row(str(row["seed"]), str(row["learnt_at_trial"]), angles, *seconds)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
