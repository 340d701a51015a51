"""The lean PyTorch rollout with the rows in the last axis, so that every entry of the state is one contiguous vector.

Hardly anybody writes PyTorch that way, and it is faster: slices and concatenations of a state of three copy no strided memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import silu, softplus

from bench.contenders.pets_lean import LeanShooter, compile_rollout, shooter
from bench.pets_problem import PETSProblem, Shooter
from mbrl_fast.models.gaussian import FLOOR


def shooters(p: PETSProblem, threads: Sequence[int] = (1,), compiled: bool = True) -> list[Shooter]:
    """Eager and compiled, with every number of threads."""
    found = []
    for count in threads:
        found.append(shooter("lean PyTorch, rows last", RowsLast(p), count))
        if compiled:
            found.append(shooter("torch.compile of the rollout, rows last", compile_rollout(RowsLast(p)), count))
    return found


class RowsLast(LeanShooter):
    """A row is one candidate with one of the member's particles, R of them."""

    def linear(self, x: Tensor, layer: int) -> Tensor:
        """x [M, in, R] -> [M, out, R]."""
        weight, bias = self.weights[layer], self.biases[layer]
        if self.members == 1:
            return torch.addmm(bias[0, :, None], weight[0], x[0])[None]
        return torch.baddbmm(bias[..., None], weight, x)

    def rollout(self, actions: Tensor, noise: list[Tensor]) -> Tensor:
        """actions [N, T, 1], noise [T] of [M, 3, R] -> returns [N]."""
        rows = actions[..., 0].t().repeat_interleave(self.share, 1).contiguous()
        x = self.state[:, None].expand(self.members, 3, rows.shape[1])
        total = torch.zeros(self.members, rows.shape[1])
        for t, z in enumerate(noise):
            u = rows[t].expand(self.members, 1, -1)
            angle = torch.atan2(x[:, 1], x[:, 0])
            total = total - (angle.square() + 0.1 * x[:, 2].square() + 0.001 * u[:, 0].square())
            hidden = silu(self.linear(torch.cat((x, u), 1), 0))
            out = self.linear(silu(self.linear(hidden, 1)), 2)
            std = self.spread[..., None] * (softplus(out[:, 3:]) + FLOOR)
            x = x + out[:, :3] + std * z
        return total.view(self.members, len(actions), self.share).mean((0, 2))

    def plan(self) -> Any:
        """The first action [1] of the best of random sequences."""
        with torch.inference_mode():
            actions = torch.rand(self.p.population, self.p.steps, 1) * 4.0 - 2.0
            noise = [torch.randn(self.members, 3, self.share * len(actions)) for _ in range(self.p.steps)]
            return actions[self.rollout(actions, noise).argmax(), 0].numpy()

    def returns(self, actions: Tensor, noise: Tensor) -> Tensor:
        """Of given noise [T, P, 3]: [N]."""
        shares = noise.view(self.p.steps, self.members, self.share, 3).transpose(2, 3)
        with torch.inference_mode():
            return self.rollout(actions, [z.repeat(1, 1, len(actions)) for z in shares])
