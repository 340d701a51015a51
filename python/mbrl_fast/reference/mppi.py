"""MPPI in pure PyTorch (Williams et al. 2017, algorithm 2), with its smooth variant (Kim et al. 2022)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from .sampling import SamplingPlanner


class MPPI(SamplingPlanner):
    """Settings as of ``mbrl_fast.MPPI``. Smooth: ``plan_`` is A, ``mean`` is A + U, around which candidates are drawn."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **SamplingPlanner.DEFAULTS, "iterations": 1, "warm_start": True, "temperature": 1.0, "normalise": False,
        "control_cost": 0.0, "elites": 0, "refit_std": False, "min_std": 0.0, "smooth": False, "smoothness": 0.0,
    }  # fmt: skip

    plan_: Tensor

    def _begin(self, warm: bool) -> None:
        super()._begin(warm)
        self.plan_ = self._shift(self.plan_) if warm else self.mid.expand(self.s["horizon"], -1)
        if self.s["smooth"] and warm:
            self.mean = self._limit(torch.cat([self.mean[:-1], self.plan_[-1:]]))

    def _weights(self, actions: Tensor, returns: Tensor) -> Tensor:
        """[N] that sum to one, from N counted candidates."""
        s, temperature = self.s, torch.tensor(self.s["temperature"], dtype=torch.float64)
        returns = returns.double()
        if s["normalise"] and (deviation := returns.std(unbiased=False)) > 0:
            temperature = temperature * deviation
        u = self.mean - self.plan_ if s["smooth"] else self.mean
        control = (u / self.std.square().clamp(min=1e-38) * actions).sum((1, 2))
        rates = actions.diff(dim=1).square().sum((1, 2))
        charges = s["control_cost"] * control.double() + s["smoothness"] / temperature * rates
        return torch.softmax(returns / temperature - charges, 0).float()

    def _refit(self, actions: Tensor, returns: Tensor, order: Tensor) -> None:
        counted = order[: self.s["elites"] or len(order)]
        candidates = actions[counted]
        weights = self._weights(candidates, returns[counted])[:, None, None]
        mean = (weights * candidates).sum(0)
        if self.s["refit_std"]:
            spread = (weights * (candidates - mean).square()).sum(0).sqrt()
            self.std = spread.maximum(self.s["min_std"] * self.half).minimum(self.s["init_std"] * self.half)
        change = mean - self.plan_ if self.s["smooth"] else torch.zeros_like(mean)
        self.plan_ = self._limit(mean.clamp(self.low, self.high))
        self.mean = self._limit((mean + change).clamp(self.low, self.high))

    def _answer(self) -> Tensor:
        return self.plan_
