"""The notebook's planner in PyTorch: as written (it builds the autograd graph), and under no_grad."""

from __future__ import annotations

import torch

from bench.contenders import Contender
from bench.problems import PlanningProblem
from mbrl_fast.reference.notebook import cem_planner


def contenders(p: PlanningProblem) -> list[Contender]:
    state, goal = torch.from_numpy(p.state), torch.from_numpy(p.goal)

    def as_written():
        return cem_planner(p.model, state, goal).detach().numpy()

    def without_graph():
        with torch.no_grad():
            return cem_planner(p.model, state, goal).numpy()

    return [Contender("notebook as written", as_written, True), Contender("notebook under no_grad", without_graph, True)]
