"""The homework as students write it: a MultivariateNormal with a diagonal covariance, and a draw for every row.

Rows are candidates × particles. Of an ensemble each network takes its share of the particles, one network after the other. Nothing
but no_grad makes it faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, multivariate_normal

from bench.contenders import Contender, named
from bench.pets_problem import PETSProblem, Shooter


def shooters(p: PETSProblem, threads: Sequence[int] = (1,)) -> list[Shooter]:
    """One for each number of threads."""
    return [Shooter(Contender(named("homework, MultivariateNormal", n), lambda: plan(p), True, n), given(p)) for n in threads]


def angle_reward(state: Tensor, action: Tensor) -> Tensor:
    """state [R, 3], action [R, 1] -> [R]."""
    angle = torch.atan2(state[:, 1], state[:, 0])
    return -(angle**2 + 0.1 * state[:, 2] ** 2 + 0.001 * action[:, 0] ** 2)


@torch.no_grad()
def returns(p: PETSProblem, actions: Tensor) -> Tensor:
    """actions [N, T, 1] -> [N], the mean over the particles."""
    each = p.particles // len(p.members)
    totals = []
    for model in p.members:
        rows = actions.repeat_interleave(each, dim=0)
        states = torch.from_numpy(p.state).repeat(len(rows), 1)
        total = torch.zeros(len(rows))
        for t in range(p.steps):
            total += angle_reward(states, rows[:, t])
            mean, std = model(states, rows[:, t])
            # Arguments are validated unless told otherwise; torch.compile, once used, tells otherwise for the whole process.
            normal = MultivariateNormal(mean, torch.diag_embed(std**2), validate_args=True)
            states = normal.rsample()
        totals.append(total.view(len(actions), each))
    return torch.cat(totals, dim=1).mean(dim=1)


def plan(p: PETSProblem) -> Any:
    """The first action [1] of the best of random sequences."""
    actions = torch.rand(p.population, p.steps, 1) * 4.0 - 2.0
    return actions[returns(p, actions).argmax(), 0].numpy()


def given(p: PETSProblem) -> Callable[[Tensor, Tensor], Tensor]:
    """`returns` with the noise given instead of drawn."""

    def replayed(actions: Tensor, noise: Tensor) -> Tensor:
        shares = noise.chunk(len(p.members), dim=1)
        draws = [share[t].repeat(len(actions), 1) for share in shares for t in range(p.steps)]
        with mock.patch.object(multivariate_normal, "_standard_normal", side_effect=draws):
            return returns(p, actions)

    return replayed
