"""mbrl_fast: the same plan in C++, called from Python, with pruning off and on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bench.contenders import Contender, named
from bench.pets_problem import PETSProblem, Shooter


def shooters(p: PETSProblem, threads: Sequence[int] = (1, 2)) -> list[Shooter]:
    """Without and with pruning, with every number of threads."""
    return [shooter(p, prune, count) for count in threads for prune in (False, True)]


def shooter(p: PETSProblem, prune: bool, threads: int) -> Shooter:
    """The check rolls out with the core's own noise, which must be the noise given."""
    planner = p.planner(prune=prune, threads=threads)

    def plan() -> Any:
        return planner.plan(p.state).action

    def returns(actions: Tensor, noise: Tensor) -> Tensor:
        return torch.from_numpy(p.problem.rollout(p.state, actions.numpy(), steps_per_knot=1, particles=p.particles))

    return Shooter(Contender(named("mbrl_fast" + ", pruning" * prune, threads), plan, False, threads), returns)
