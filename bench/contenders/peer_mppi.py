"""pytorch-mppi: model predictive path integral control, 100 samples × 25 steps, refined 5 times.

Its own weighting of all returns in place of elites; a noise for every step (no held knots); one `command` is one iteration, so a
plan is five of them from a nominal of zeros, shifted never. Its `running_cost` is the notebook's reward, negative.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.contenders import need
from bench.contenders.peer import ITERATIONS, POPULATION, STEPS, CountedModel, Peer, torch_peer
from bench.problems import PlanningProblem

COMPUTES = "MPPI, 5 commands from zero, 25 free steps"


def peers(p: PlanningProblem) -> list[Peer]:
    mppi = need("pytorch_mppi")
    model = CountedModel(p)
    planner = mppi.MPPI(
        model.step, lambda x, u: -model.reward(x), 6, torch.eye(2), num_samples=POPULATION, horizon=STEPS, lambda_=1.0,
        u_min=-torch.ones(2), u_max=torch.ones(2), U_init=torch.zeros(STEPS, 2),
    )  # fmt: skip

    def plan() -> Tensor:
        planner.U = torch.zeros(STEPS, 2)
        for _ in range(ITERATIONS):
            action = planner.command(model.state, shift_nominal_trajectory=False)
        return action.clamp(-1.0, 1.0)

    return [torch_peer("pytorch-mppi", COMPUTES, model, plan, kind="MPPI")]
