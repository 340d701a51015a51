"""The pictures of bench.pets_mujoco and bench.pets_parking."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def returns_picture(tasks: Mapping[str, Any], path: Path) -> None:
    """One panel a task: the mean return of evaluations against real steps, each seed a line."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(tasks), figsize=(7 * len(tasks), 5), layout="constrained", squeeze=False)
    for axis, (name, task) in zip(axes[0], tasks.items(), strict=True):
        for number, (seed, rows) in enumerate(task["seeds"].items()):
            steps = [row["step"] for row in rows["evaluations"]]
            returns = [np.mean(row["returns"]) for row in rows["evaluations"]]
            axis.plot(steps, returns, "o-", color=f"C{number}", label=f"PETS, seed {seed}")
        axis.axhline(np.mean(task["random actions"]), color="0.6", linestyle=":", label="random actions")
        for number, (label, row) in enumerate(task["published"].items()):
            axis.axhline(row["return"], color=f"C{5 + number}", linestyle="--", linewidth=1, label=label)
        axis.set(title=name, xlabel="real steps", ylabel="return of an evaluation")
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def success_picture(networks: Mapping[str, Any], policies: Mapping[str, Any], goal: float, path: Path) -> None:
    """Success of evaluations against real transitions, logarithmic: each seed of PETS, and what policies reached."""
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for number, (network, found) in enumerate(networks.items()):
        for first, row in enumerate(found["seeds"].values()):
            label = None if first else f"PETS, {network}, each seed"
            axis.plot(row["steps"], row["success"], "o-", color=f"C{number}", label=label)
    for number, (name, rows) in enumerate(policies.items()):
        at, rates = [row["transitions"] for row in rows], [row["success_rate"] for row in rows]
        axis.plot(at, rates, "s--", color=f"C{3 + number}", label=name)
    axis.axhline(goal, color="0.6", linestyle=":", linewidth=1)
    axis.set(xscale="log", xlabel="real transitions", ylabel="success of fresh episodes", ylim=(-0.03, 1.03))
    for set_formatter in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
        set_formatter(lambda value, _: f"{value:,.10g}" if f"{value:e}"[0] in "125" else "")
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
