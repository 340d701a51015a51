"""The problems that contenders plan on.

Weights are drawn, not trained: a network's speed does not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import mbrl_fast as mf
from bench.models import DRIVE_STEP, MLP, DifferentialDrive, GaussianMLP, path_and_goal
from mbrl_fast.export import export
from mbrl_fast.reference.notebook import DynamicsModel
from mbrl_fast.rewards import GoalDistance

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PlanningProblem:
    """A model in both worlds, and one decision to make.

    Attributes:
        inputs: the run-time inputs of that decision, by name.
        settings: of the planner, beyond those of the notebook's.
    """

    name: str
    model: nn.Module
    problem: mf.Problem
    state: Floats
    inputs: dict[str, Floats]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def goal(self) -> Floats:
        """Of a problem that has one."""
        return self.inputs["goal"]

    @property
    def multiply_adds(self) -> int:
        """Of linears and dot products of the fused Program, per candidate and model step, padding not counted."""
        return self.problem._core.multiply_adds("step") * self.problem.members

    def planner(self, **settings: Any) -> mf.CEM:
        """The notebook's planner with this problem's settings and those given."""
        return mf.CEM.notebook(self.problem, **{**self.settings, **settings})


STATE = np.array([0, 0, 0, 0, 1, 0], np.float32)
GOAL = np.array([0.1, 0.14, 0, 0, 0, 1], np.float32)


def _towards_goal(name: str, model: nn.Module, **settings: Any) -> PlanningProblem:
    """A car-like state of 6 and action of 2 with highway-env's goal distance as reward."""
    problem = export(
        model.eval(), GoalDistance(), state_size=6, action_size=2, inputs={"goal": 6}, action_low=-1, action_high=1, dt=0.2
    )
    return PlanningProblem(name, model, problem, STATE, {"goal": GOAL}, settings)


@cache
def seed_problem(population: int = 100) -> PlanningProblem:
    """The notebook's network and planner: 5 knots × 5 steps, population 100, 5 iterations = 12,500 model steps a plan."""
    torch.manual_seed(0)
    return _towards_goal("notebook LTI, 64 hidden", DynamicsModel(), population=population)


def mlp_problem(population: int = 1024) -> PlanningProblem:
    """A deterministic MLP 8-200-200-200-200-6 with SiLU; 5 knots × 5 steps, 5 iterations."""
    torch.manual_seed(0)
    return _towards_goal("MLP 4×200 SiLU", MLP(200, 4, 6), population=population)


def gaussian_problem(population: int = 400) -> PlanningProblem:
    """A Gaussian MLP 8-64-64-(6 means, 6 stds) with SiLU and softplus, 10 particles a candidate, 25 steps, 5 iterations."""
    torch.manual_seed(0)
    settings = {"population": population, "particles": 10, "elites": 40, "horizon": 25, "steps_per_knot": 1, "iterations": 5}
    return _towards_goal("Gaussian MLP 2×64 SiLU, 10 particles", GaussianMLP(), **settings)


def drive_problem(population: int = 2048, steps: int = 100, points: int = 5) -> PlanningProblem:
    """Differential drive, 2,048 candidates × 100 steps, one iteration: the size that nav2's MPPI publishes.

    Reward: distance to a path of five points and to the goal, no obstacles. Every step has its own action, drawn anew in every
    plan (nav2 draws its noise once by default and reuses it). The planner is CEM with one iteration and a refit on 10 %; the
    weighted mean of MPPI costs about the same beside 204,800 model steps.
    """
    model = DifferentialDrive()
    problem = export(
        model, path_and_goal, state_size=5, action_size=2, inputs={"path": (points, 2), "goal": 2},
        action_low=[-0.35, -1.9], action_high=[0.5, 1.9], dt=DRIVE_STEP,
    )  # fmt: skip
    along = np.linspace(0.4, 2.0, points)
    path = np.stack([along, 0.3 * np.sin(along)], 1).astype(np.float32)
    settings = {
        "population": population, "elites": population // 10, "horizon": steps, "steps_per_knot": 1, "iterations": 1,
        "init_std": 0.4,
    }  # fmt: skip
    inputs = {"path": path, "goal": path[-1]}
    return PlanningProblem("differential drive", model, problem, np.zeros(5, np.float32), inputs, settings)


def tiny_problem() -> PlanningProblem:
    """The seed problem's network with population 16 and horizon 5: 80 model steps an iteration."""
    torch.manual_seed(0)
    settings = {"population": 16, "elites": 4, "horizon": 5, "steps_per_knot": 1, "iterations": 1}
    return _towards_goal("tiny: notebook LTI, population 16, horizon 5", DynamicsModel(), **settings)


def small_problem() -> PlanningProblem:
    """The seed problem's network and 780 model steps: 3 knots × 5 steps, population 26, 2 iterations."""
    torch.manual_seed(0)
    settings = {"population": 26, "elites": 5, "horizon": 3, "steps_per_knot": 5, "iterations": 2}
    return _towards_goal("notebook LTI, 780 model steps", DynamicsModel(), **settings)


PROBLEMS: dict[str, Callable[[], PlanningProblem]] = {
    "seed": seed_problem,
    "seed-1024": lambda: seed_problem(1024),
    "mlp": mlp_problem,
    "gaussian": gaussian_problem,
    "drive": drive_problem,
    "small": small_problem,
    "tiny": tiny_problem,
}
"""By the name that the commands take."""
