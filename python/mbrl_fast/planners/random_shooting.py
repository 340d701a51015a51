"""Random shooting, the baseline: Nagabandi et al. 2018 (arXiv 1708.02596), §IV-B; PETS's "random" (arXiv 1805.12114)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mbrl_fast import _core
from mbrl_fast.planners.planner import SamplingPlanner
from mbrl_fast.planners.settings import SamplingSettings
from mbrl_fast.problem import Problem


@dataclass(frozen=True, kw_only=True)
class RandomShootingSettings(SamplingSettings):
    """Settings of random shooting, those of :class:`SamplingSettings` with other defaults, and one more.

    Attributes:
        distribution: "uniform" over the bounds, for which ``init_std`` is 1, or "gaussian" around their middle, clipped.
        returns: "best", nothing else.
    """

    native_type: ClassVar[Any] = _core.RandomShootingSettings

    population: int = 2000
    iterations: int = 1
    keep_elites: int = 0
    include_mean: bool = False
    distribution: str = "uniform"

    def _check(self) -> None:
        super()._check()
        if self.distribution not in ("uniform", "gaussian"):
            raise ValueError(f"distribution must be 'uniform' or 'gaussian', got {self.distribution!r}")

    def _assign(self, native: Any, name: str, value: Any) -> None:
        if name == "distribution":
            native.uniform = value == "uniform"
        else:
            super()._assign(native, name, value)


class RandomShooting(SamplingPlanner):
    """Draws sequences over the whole range and answers with the best one, in C++.

    u* = argmax R(u_n), u_n ~ U(low, high). The distribution learns nothing: neither from iteration to iteration nor from the last
    plan. ``noise_beta`` correlates a sequence in time and leaves each action uniform; with ``keep_elites`` the best of the
    last plan ride along, shifted.
    """

    name = "random_shooting"
    settings_type = RandomShootingSettings

    @classmethod
    def pets(cls, problem: Problem, **settings: Any) -> RandomShooting:
        """PETS's random optimiser: the best of 2,000 uniform sequences of 25 steps (2,500 for some of its tasks)."""
        preset: dict[str, Any] = dict(  # noqa: C408
            horizon=25, steps_per_knot=1, population=2000, iterations=1, distribution="uniform", keep_elites=0,
            include_mean=False, noise_beta=0.0,
        )  # fmt: skip
        return cls(problem, **{**preset, **settings})
