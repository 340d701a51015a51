"""pytorch-icem: iCEM with coloured noise and kept elites, 100 samples × 25 steps, 5 iterations from a cold start.

A noise for every step (no held knots), drawn with the `colorednoise` package. It knows no bounds: the model step clips actions.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from bench.contenders import need
from bench.contenders.peer import ELITES, ITERATIONS, POPULATION, STEPS, CountedModel, Peer, torch_peer
from bench.problems import PlanningProblem

COMPUTES = "iCEM, coloured noise, kept elites, 25 free steps, cold start"


def peers(p: PlanningProblem) -> list[Peer]:
    icem = need("pytorch_icem")
    model = CountedModel(p)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it copies a tensor with torch.tensor
        planner = icem.iCEM(
            lambda x, u: model.step(x, u.clamp(-1.0, 1.0)), lambda x, u: -model.reward(x).sum(-1), 6, 2,
            # its check asks for as many axes as there are actions
            sigma=torch.ones(1, 2), num_samples=POPULATION, num_elites=ELITES, horizon=STEPS,
            warmup_iters=ITERATIONS, online_iters=ITERATIONS,
        )  # fmt: skip

    def plan() -> Tensor:
        planner.reset()
        return planner.command(model.state).clamp(-1.0, 1.0)

    return [torch_peer("pytorch-icem", COMPUTES, model, plan, kind="iCEM")]
