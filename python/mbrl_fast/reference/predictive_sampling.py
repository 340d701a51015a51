"""Predictive sampling in pure PyTorch (Howell et al. 2022, §3.3)."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from .sampling import SamplingPlanner


class PredictiveSampling(SamplingPlanner):
    """The nominal plan and variations of it; the best is the next one. Settings as of ``mbrl_fast.PredictiveSampling``."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **SamplingPlanner.DEFAULTS, "population": 10, "iterations": 1, "init_std": 0.1, "include_mean": True, "returns": "best",
        "warm_start": True,
    }  # fmt: skip

    def _refit(self, actions: Tensor, returns: Tensor, order: Tensor) -> None:
        self.mean = actions[order[0]]
