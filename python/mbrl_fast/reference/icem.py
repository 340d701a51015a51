"""iCEM in pure PyTorch (Pinneri et al. 2020): what it does beside CEM."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from .cem import CEM


class ICEM(CEM):
    """Settings as of ``mbrl_fast.ICEM``."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **CEM.DEFAULTS, "horizon": 30, "steps_per_knot": 1, "population": 40, "iterations": 3, "init_std": 0.5, "noise_beta": 3.0,
        "momentum": 0.1, "keep_elites": 3, "include_mean": True, "returns": "best", "warm_start": True, "decay": 1.25,
    }  # fmt: skip

    def _population(self, iteration: int) -> int:
        count = float(self.s["population"])
        for _ in range(iteration):
            count /= self.s["decay"]
        return int(min(self.s["population"], max(2 * self.s["elites"], int(count))))

    def _mean_rides(self, iteration: int) -> bool:
        return bool(self.s["include_mean"]) and iteration == self.s["iterations"] - 1

    def _carry(self, actions: Tensor, iteration: int) -> None:
        """A sequence shifted into this plan: its last knot is the one drawn in its place."""
        knots = actions.shape[1] - (iteration == 0)
        actions[:, :knots] = self.kept[:, :knots]
