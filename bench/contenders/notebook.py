"""The notebook's planner in PyTorch: as written (it builds the autograd graph), and under no_grad."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bench.contenders import Contender, named
from bench.problems import PlanningProblem
from mbrl_fast.reference.notebook import cem_planner


def contenders(p: PlanningProblem, threads: Sequence[int] = (1,)) -> list[Contender]:
    state, goal = torch.from_numpy(p.state), torch.from_numpy(p.goal)

    def as_written():
        return cem_planner(p.model, state, goal).detach().numpy()

    def without_graph():
        with torch.no_grad():
            return cem_planner(p.model, state, goal).numpy()

    found = []
    for count in threads:
        if count == 1:
            found.append(Contender(named("notebook as written", 1), as_written, True))
        found.append(Contender(named("notebook under no_grad", count), without_graph, True, count))
    return found
