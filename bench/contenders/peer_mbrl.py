"""mbrl-lib (installed with --no-deps): its CEMOptimizer, 5 iterations × 100 candidates, on 5 knots held for 5 steps.

The objective is the lean rollout in PyTorch; mbrl-lib's own ModelEnv, which a user of the library would roll out with, costs more.
Its sampling is a truncated normal; it returns the best candidate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.contenders import need
from bench.contenders.peer import ELITES, ITERATIONS, POPULATION, REPEAT, STEPS, CountedModel, Peer, torch_peer
from bench.problems import PlanningProblem

COMPUTES = "its CEMOptimizer on the lean rollout, 5 knots × 5 steps"


def peers(p: PlanningProblem) -> list[Peer]:
    for package in ("mbrl", "hydra", "omegaconf"):
        need(package)
    optimisers = need("mbrl.planning.trajectory_opt")
    model, knots = CountedModel(p), STEPS // REPEAT
    optimiser = optimisers.CEMOptimizer(
        ITERATIONS, ELITES / POPULATION, POPULATION, [[-1.0, -1.0]] * knots, [[1.0, 1.0]] * knots, alpha=0.0,
        device=torch.device("cpu"),
    )  # fmt: skip

    def returns(actions: Tensor) -> Tensor:
        x, total = model.state.expand(len(actions), -1), torch.zeros(len(actions))
        for t in range(STEPS):
            x = model.step(x, actions[:, t // REPEAT])
            total = total + model.reward(x)
        return total

    def plan() -> Tensor:
        best: Tensor = optimiser.optimize(returns, x0=torch.zeros(knots, 2))
        return best[0]

    return [torch_peer("mbrl-lib", COMPUTES, model, plan, held=True)]
