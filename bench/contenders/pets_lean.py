"""PETS by random shooting in PyTorch written for speed: no distribution object, scales folded into the layers, all members at once.

Two ways of drawing: a normal for every row, or the same ones for all candidates (common random numbers, as ours). And torch.compile
of the whole rollout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import silu, softplus

from bench.contenders import Contender, named
from bench.pets_problem import PETSProblem, Shooter
from mbrl_fast.models.gaussian import FLOOR


def shooters(p: PETSProblem, threads: Sequence[int] = (1,), compiled: bool = True) -> list[Shooter]:
    """Every kind with every number of threads."""
    found = []
    for count in threads:
        found.append(shooter("lean PyTorch", LeanShooter(p), count))
        found.append(shooter("lean PyTorch, common noise", LeanShooter(p, common=True), count))
        if compiled:
            found.append(shooter("torch.compile of the lean rollout", compile_rollout(LeanShooter(p)), count))
    return found


def shooter(name: str, lean: LeanShooter, threads: int) -> Shooter:
    """The contender and its check."""
    return Shooter(Contender(named(name, threads), lean.plan, True, threads), lean.returns)


def compile_rollout(lean: LeanShooter) -> LeanShooter:
    """All the steps in one graph."""
    lean.rollout = torch.compile(lean.rollout)  # type: ignore[method-assign]
    return lean


class LeanShooter:
    """The homework's plan. A row is one candidate with one of the member's P / M particles, so there are R = N · P / M of them.

    Args:
        common: whether the candidates share their noise.
    """

    def __init__(self, p: PETSProblem, common: bool = False) -> None:
        self.p, self.common, self.members = p, common, len(p.members)
        self.share = p.particles // self.members
        layers = [folded(member) for member in p.members]
        self.weights = [torch.stack([layer[i][0] for layer in layers]) for i in range(3)]
        self.biases = [torch.stack([layer[i][1] for layer in layers]) for i in range(3)]
        self.spread = torch.stack([member.change_std for member in p.members])
        self.state = torch.from_numpy(p.state)

    def linear(self, x: Tensor, layer: int) -> Tensor:
        """x [M, R, in] -> [M, R, out]. One network needs no batch of matrices."""
        weight, bias = self.weights[layer], self.biases[layer]
        if self.members == 1:
            return torch.addmm(bias[0], x[0], weight[0].t())[None]
        return torch.baddbmm(bias[:, None], x, weight.transpose(1, 2))

    def rollout(self, actions: Tensor, noise: list[Tensor]) -> Tensor:
        """actions [N, T, 1], noise [T] of [M, R, 3], or of [M, P / M, 3] if it is common -> returns [N]."""
        count = len(actions)
        rows = actions.repeat_interleave(self.share, 0)
        x = self.state.expand(self.members, len(rows), 3)
        total = torch.zeros(self.members, len(rows))
        for t, z in enumerate(noise):
            u = rows[:, t].expand(self.members, -1, 1)
            angle = torch.atan2(x[..., 1], x[..., 0])
            total = total - (angle.square() + 0.1 * x[..., 2].square() + 0.001 * u[..., 0].square())
            hidden = silu(self.linear(torch.cat((x, u), -1), 0))
            out = self.linear(silu(self.linear(hidden, 1)), 2)
            std = self.spread[:, None] * (softplus(out[..., 3:]) + FLOOR)
            x = x + out[..., :3] + std * (z.repeat(1, count, 1) if self.common else z)
        return total.view(self.members, count, self.share).mean((0, 2))

    def plan(self) -> Any:
        """The first action [1] of the best of random sequences."""
        with torch.inference_mode():
            actions = torch.rand(self.p.population, self.p.steps, 1) * 4.0 - 2.0
            rows = self.share if self.common else self.share * len(actions)
            noise = [torch.randn(self.members, rows, 3) for _ in range(self.p.steps)]
            return actions[self.rollout(actions, noise).argmax(), 0].numpy()

    def returns(self, actions: Tensor, noise: Tensor) -> Tensor:
        """Of given noise [T, P, 3]: [N]."""
        shares = noise.view(self.p.steps, self.members, self.share, 3)
        with torch.inference_mode():
            return self.rollout(actions, list(shares) if self.common else [z.repeat(1, len(actions), 1) for z in shares])


def folded(member: Any) -> list[tuple[Tensor, Tensor]]:
    """Weights [out, in] and biases [out] of the three layers, the scales of the inputs and of the mean change in them."""
    first, second, last = (member.network[i] for i in (0, 2, 4))
    with torch.no_grad():
        w1 = first.weight / member.input_std
        b1 = first.bias - w1 @ member.input_mean
        scale = torch.cat([member.change_std, torch.ones(3)])
        b3 = last.bias * scale + torch.cat([member.change_mean, torch.zeros(3)])
        return [(w1, b1), (second.weight, second.bias), (last.weight * scale[:, None], b3)]
