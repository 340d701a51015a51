"""One picture of every planner on the same problem, for docs/planners.md: what it tried, and what it answers.

    python -m bench.planner_pictures [--folder docs/planners]

A car stands in the middle of the lot, its spot is behind it; the model is the exact bicycle. Every planner looks 5 s ahead and
is asked twice, so that what it remembers is in the picture; samplers may roll out some 10,000 model steps a plan.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import mbrl_fast as mf
from mbrl_fast import plot
from mbrl_fast.models import Bicycle
from mbrl_fast.report.canvas import COLORS, GREY, axes_or_new
from mbrl_fast.report.lot import draw_car, draw_lot, positions
from mbrl_fast.rewards import ParkingReward
from mbrl_fast.tasks import Parking

STATE = np.array([0.0, 0.0, 0.0, 0.0, np.cos(0.6), np.sin(0.6)], np.float32)
GOAL = np.array([-0.14, -0.14, 0.0, 0.0, 0.0, 1.0], np.float32)
LOOK: dict[str, Any] = {"horizon": 25, "steps_per_knot": 1}
KNOTS: dict[str, Any] = {"horizon": 5, "steps_per_knot": 5}


def planners(problem: mf.Problem) -> dict[str, Any]:
    """Each with settings that suit it; the name is the file's."""
    cem = mf.CEM(problem, **LOOK, population=100, iterations=4, elites=8, init_std=1.0, noise_beta=3.0, fresh_fraction=0.25)
    return {
        "random_shooting": mf.RandomShooting(problem, **KNOTS, population=400),
        "cem": cem,
        "icem": mf.ICEM(problem, **{**LOOK, "population": 160, "init_std": 1.0}),
        "mppi": mf.MPPI(
            problem, **LOOK, population=100, iterations=4, temperature=0.1, normalise=True, init_std=1.0, noise_beta=2.0
        ),
        "predictive_sampling": mf.PredictiveSampling(problem, **KNOTS, interpolation="cubic", population=40, init_std=0.5),
        "gradient_shooting": mf.GradientShooting(problem, **LOOK, population=16, iterations=24, init_std=1.0),
        "ilqr": mf.ILQR(problem, **LOOK, iterations=30),
        "refined": mf.Refined(cem, mf.ILQR(problem, **LOOK, iterations=30)),
    }


def draw(name: str, planner: Any, problem: mf.Problem) -> Any:
    """What the second of two plans tried (grey, the later iterations darker) and answers."""
    planner.plan(STATE, goal=GOAL)
    traced = isinstance(planner, mf.planners.SamplingPlanner)
    plan = planner.plan(STATE, goal=GOAL, elapsed=0.0, **({"trace": True} if traced else {}))
    axes = axes_or_new(None, 5.6, 3.9)
    draw_lot(axes, GOAL)
    held = round(plan.knot_seconds / problem.dt)
    for number, iteration in enumerate(plan.trace or ()):
        _, states = problem.rollout(STATE, iteration.actions[:100], steps_per_knot=held, return_states=True, goal=GOAL)
        shade = 0.12 + 0.25 * number / max(len(plan.trace) - 1, 1)
        for path in positions(states):
            axes.plot(*path.T, color=GREY, linewidth=0.5, alpha=shade)
    axes.plot(*positions(plan.states).T, color=COLORS[1], linewidth=2.2)
    draw_car(axes, STATE, color="black")
    draw_car(axes, plan.states[-1], color=COLORS[1])
    axes.set_xlim(-38, 38)
    axes.set_ylim(24, -24)
    label = name.replace("_", " ")
    axes.set_title(f"{label}: return {plan.value:.2f}, {plan.model_steps:,} model steps", fontsize=10)
    return axes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / "docs" / "planners")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    problem = mf.export(Bicycle(), ParkingReward(), env=Parking())
    for name, planner in planners(problem).items():
        plot.save(draw(name, planner, problem), folder / f"{name}.png", dpi=80)
        print(folder / f"{name}.png")


if __name__ == "__main__":
    main()
