"""The cross-entropy method in pure PyTorch: the specification of the planner in C++, statement by statement."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from .sampling import SamplingPlanner


class CEM(SamplingPlanner):
    """Cross-entropy method: mean and std of the next candidates are those of the best. Settings as of ``mbrl_fast.CEM``."""

    DEFAULTS: ClassVar[dict[str, Any]] = {**SamplingPlanner.DEFAULTS, "elites": 10, "min_std": 0.0, "momentum": 0.0}

    def _best(self, order: Tensor) -> Tensor:
        return order[: self.s["elites"]]

    def _refit(self, actions: Tensor, returns: Tensor, order: Tensor) -> None:
        elites, old = actions[self._best(order)], self.s["momentum"]
        self.mean = self._limit((old * self.mean + (1 - old) * elites.mean(0)).clamp(self.low, self.high))
        self.std = (old * self.std + (1 - old) * elites.std(0, unbiased=False)).maximum(self.s["min_std"] * self.half)
