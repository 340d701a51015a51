"""Random shooting in pure PyTorch."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from .sampling import SamplingPlanner


class RandomShooting(SamplingPlanner):
    """The best of N sequences over the whole range. Settings as of ``mbrl_fast.RandomShooting``."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **SamplingPlanner.DEFAULTS, "population": 2000, "iterations": 1, "returns": "best", "distribution": "uniform",
    }  # fmt: skip

    def _begin(self, warm: bool) -> None:
        super()._begin(warm)
        self.mean = self.mid.expand(self.s["horizon"], -1)

    def _shaped(self, noise: Tensor) -> Tensor:
        shaped = super()._shaped(noise)
        return shaped if self.s["distribution"] == "gaussian" else torch.erf(shaped / 2**0.5)
