"""The cross-entropy method in pure PyTorch: the specification of the planner in C++, statement by statement."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from .cem_variants import constrained_std, truncated
from .sampling import SamplingPlanner


class CEM(SamplingPlanner):
    """Cross-entropy method: mean and std of the next candidates are those of the best. Settings as of ``mbrl_fast.CEM``."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **SamplingPlanner.DEFAULTS, "elites": 10, "min_std": 0.0, "momentum": 0.0, "momentum_on": "std", "truncate": False,
    }  # fmt: skip

    def _around(self, mean: Tensor, std: Tensor, noise: Tensor) -> Tensor:
        if not self.s["truncate"]:
            return super()._around(mean, std, noise)
        return super()._around(mean, constrained_std(mean, std, self.low, self.high), truncated(noise).float())

    def _best(self, order: Tensor) -> Tensor:
        return order[: self.s["elites"]]

    def _refit(self, actions: Tensor, returns: Tensor, order: Tensor) -> None:
        elites, old = actions[self._best(order)], self.s["momentum"]
        self.mean = self._limit((old * self.mean + (1 - old) * elites.mean(0)).clamp(self.low, self.high))
        power = 2 if self.s["momentum_on"] == "variance" else 1
        spread = (old * self.std**power + (1 - old) * elites.std(0, unbiased=False) ** power) ** (1 / power)
        self.std = spread.maximum(self.s["min_std"] * self.half)
