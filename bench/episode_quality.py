"""How well planners park, at equal wall time and at equal model steps a plan; the notebook; SAC and TQC with hindsight replay.

    python -m bench.episode_quality [--world replica|env] [--only TEXT] [--episodes 200] [--folder runs/episode_quality] [--save]

Every planner of ``mbrl_fast.planners.REGISTRY`` is sized for each budget (see ``bench/quality_sizes.py``) and drives with the
exact bicycle and with an ensemble learnt from random transitions, one thread. A cell (one agent at one budget) is driven once and
kept in the folder: a run that was stopped goes on, ``--only`` does a part, several processes may share a folder once the ensemble
is there (one process with ``--only`` trains it, or ``--ensemble`` names a file). Policies are measured as they learn, against the
real transitions they have seen; ours has seen ``--transitions`` of random driving, the exact bicycle none.

``--world replica`` screens on a replica of the environment's dynamics (``bench/parking_batch.py``), which is ten times faster;
what is reported is driven with ``--world env``. The table says which it was. Coherence is in every row: the action rate (mean
|u_t − u_{t−1}| of an action entry) and the distance of each plan from the one before it, moved on by a step.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from bench import measure
from bench.quality_cells import BICYCLE, ENSEMBLE, Setup, cells, read, run
from bench.quality_picture import picture

MODELS = {"bicycle": BICYCLE, "ensemble": ENSEMBLE}


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    setup = Setup(
        folder=options.folder, world=options.world, episodes=options.episodes, first_seed=options.first_seed,
        max_steps=options.max_steps, transitions=options.transitions, epochs=options.epochs, seed=options.seed,
        ensemble=options.ensemble, data=options.data, policy_points=tuple(options.policy_points),
        policy={} if options.policy_batch is None else {"batch_size": options.policy_batch},
    )  # fmt: skip
    every = cells(options.milliseconds, options.steps, [MODELS[name] for name in options.models])
    chosen = [cell for cell in every if any(text in cell.name for text in options.only)] if options.only else every
    if not chosen:
        raise SystemExit(f"--only {' '.join(options.only)} matches none of: {'; '.join(cell.name for cell in every)}")
    for cell in [] if options.show else chosen:
        result = run(cell, setup)
        print(f"{cell.name}: {result['absent'] if 'absent' in result else sentence(result['row'])}", flush=True)
    known = {cell.name: held for cell in every if (held := read(cell, setup))}
    show(known, setup)
    machine = measure.machine(["stable-baselines3", "sb3-contrib", "highway-env"])
    kept = {name: {key: value for key, value in held.items() if key != "episodes"} for name, held in known.items()}
    table = {"machine": machine, "conditions": setup.conditions(), "episodes": setup.episodes, "cells": kept}
    picture_path = options.picture or (measure.RESULTS / "episode_quality.png" if options.save else None)
    if picture_path:
        picture(table, picture_path)
        print(picture_path)
    if options.save:
        print(measure.save("episode_quality", table))
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--world", choices=("replica", "env"), default="replica")
    add("--only", nargs="+", help="cells whose name contains one of these, e.g. 'cem, exact' or 'SAC'")
    add("--show", action="store_true", help="drive nothing, show what the folder has")
    add("--models", nargs="+", choices=tuple(MODELS), default=list(MODELS))
    add("--milliseconds", type=float, nargs="*", default=[0.5, 1, 2, 4, 8], help="a plan, on this machine with one thread")
    add("--steps", type=float, nargs="*", default=[2500, 5000, 10_000, 20_000, 40_000], help="model steps a plan")
    add("--episodes", type=int, default=200, help="of every cell")
    add("--first-seed", type=int, default=30_000)
    add("--max-steps", type=int, default=200, help="after which an episode has failed")
    add("--transitions", type=int, default=2000, help="of random driving, for the ensemble and the notebook's network")
    add("--epochs", type=int, help="of the ensemble's training")
    add("--seed", type=int, default=0, help="of data, training and policies")
    add("--ensemble", type=Path, help="a Problem file instead of training one")
    add("--data", type=Path, help="its transitions, for the notebook's network")
    add("--policy-points", type=int, nargs="+", default=[2000, 5000, 10_000, 20_000, 35_000, 50_000], help="real transitions")
    add("--policy-batch", type=int, help="transitions of a gradient step; 1,024 by default")
    add("--folder", type=Path, default=Path("runs/episode_quality"))
    add("--picture", type=Path, help="where the picture goes; with --save bench/results/episode_quality.png")
    add("--save", action="store_true", help="write bench/results/episode_quality.json")
    return parser


def sentence(row: dict[str, Any]) -> str:
    return f"success {row['success_rate']:.3f}, strict {row['strict_rate']:.3f}, crash {row['crash_rate']:.3f} of {row['episodes']}"


def show(known: dict[str, dict[str, Any]], setup: Setup) -> None:
    where = "highway-env itself" if setup.world == "env" else "a replica of highway-env's dynamics (screening)"
    table = Table(title=f"parking with walls on {where}, {setup.max_steps} steps at most; 95 % Wilson intervals")
    for column in ("agent", "n", "success", "strict", "crash", "steps", "plan ms", "action rate", "plan distance"):
        table.add_column(column, justify="left" if column == "agent" else "right")
    for name, held in known.items():
        if "absent" in held:
            table.add_row(name, "", held["absent"])
            continue
        for row in held.get("curve") or [held["row"]]:
            seen = f" after {row['transitions']:,}" if "transitions" in row else ""
            rates = [
                f"{row[f'{key}_rate']:.3f} [{row[f'{key}_interval'][0]:.3f}, {row[f'{key}_interval'][1]:.3f}]"
                for key in ("success", "strict", "crash")
            ]
            figures = [
                _figure(row["steps_to_success"], 1),
                *[_figure(row[key], 3) for key in ("plan_ms", "action_rate", "plan_distance")],
            ]
            table.add_row(name + seen, str(row["episodes"]), *rates, *figures)
    Console(width=170).print(table)


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
