"""The problems that contenders plan on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

import mbrl_fast as mf
from mbrl_fast.export import export
from mbrl_fast.reference.notebook import DynamicsModel
from mbrl_fast.rewards import GoalDistance


@dataclass(frozen=True)
class PlanningProblem:
    """A model in both worlds, and one decision to make."""

    name: str
    model: DynamicsModel
    problem: mf.Problem
    state: NDArray[np.float32]
    goal: NDArray[np.float32]


def seed_problem() -> PlanningProblem:
    """The notebook's network and planner: 5 knots × 5 steps, population 100, 5 iterations = 12,500 model steps a plan.

    The weights are drawn, not trained: a network's speed does not depend on them.
    """
    torch.manual_seed(0)
    model = DynamicsModel().eval()
    problem = export(model, GoalDistance(), state_size=6, action_size=2, inputs={"goal": 6}, action_low=-1, action_high=1, dt=0.2)
    state = np.array([0, 0, 0, 0, 1, 0], np.float32)
    goal = np.array([0.1, 0.14, 0, 0, 0, 1], np.float32)
    return PlanningProblem("notebook LTI, 64 hidden", model, problem, state, goal)
