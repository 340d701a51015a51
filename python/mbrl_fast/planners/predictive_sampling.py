"""Predictive sampling: Howell et al. 2022 (arXiv 2212.00541), §3.3, the simplest planner of MuJoCo MPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mbrl_fast import _core
from mbrl_fast.planners.planner import SamplingPlanner
from mbrl_fast.planners.settings import SamplingSettings
from mbrl_fast.problem import Problem


@dataclass(frozen=True, kw_only=True)
class PredictiveSamplingSettings(SamplingSettings):
    """Settings of predictive sampling: those of :class:`SamplingSettings` with MJPC's defaults. ``include_mean`` is true."""

    native_type: ClassVar[Any] = _core.PredictiveSamplingSettings

    population: int = 10
    iterations: int = 1
    init_std: float = 0.1
    keep_elites: int = 0
    include_mean: bool = True


class PredictiveSampling(SamplingPlanner):
    """Plans by trying variations of the last plan and keeping the best, in C++.

    u ← argmax over {u, u + ε_1, …, u + ε_{N-1}} of R, ε ~ N(0, σ²): candidate 0 is the nominal plan, the last one shifted, so that
    the answer is never worth less than it. σ is ``init_std``, in units of half the action range, and stays as it is.
    """

    name = "predictive_sampling"
    settings_type = PredictiveSamplingSettings

    @classmethod
    def mjpc(cls, problem: Problem, **settings: Any) -> PredictiveSampling:
        """MuJoCo MPC's defaults: 10 candidates, σ 0.1, one iteration, five knots of a cubic spline over half a second.

        MJPC's own noise has no seed.
        """
        steps = max(1, round(0.5 / (5 * problem.dt)))
        preset: dict[str, Any] = dict(  # noqa: C408
            horizon=5, steps_per_knot=steps, population=10, iterations=1, init_std=0.1, keep_elites=0,
            include_mean=True, returns="best", warm_start=True, interpolation="cubic",
        )  # fmt: skip
        return cls(problem, **{**preset, **settings})
