"""The cross-entropy method: Rubinstein 1999; for control with learned models Chua et al. 2018 (arXiv 1805.12114), §5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mbrl_fast import _core
from mbrl_fast.planners.planner import SamplingPlanner
from mbrl_fast.planners.presets import of_fields
from mbrl_fast.planners.settings import SamplingSettings
from mbrl_fast.problem import Problem


@dataclass(frozen=True, kw_only=True)
class CEMSettings(SamplingSettings):
    """Settings of CEM, beside those of :class:`SamplingSettings` and :class:`PlannerSettings`.

    Attributes:
        elites: the best K, on which mean and std are refitted.
        min_std: the least after a refit, in units of half the action range.
        momentum: weight of the old mean and std in a refit, in [0, 1).
    """

    native_type: ClassVar[Any] = _core.CEMSettings

    elites: int = 10
    min_std: float = 0.05
    momentum: float = 0.0


class CEM(SamplingPlanner):
    """Plans on a Problem with the cross-entropy method, in C++.

    ``CEM(problem, horizon=5, population=100, ...)``: the settings are those of :class:`CEMSettings`. The same seed gives the same
    plans, bit for bit, for any number of threads. A planner is for one thread at a time; make one per thread.
    """

    name = "cem"
    settings_type = CEMSettings

    @classmethod
    def notebook(cls, problem: Problem, **settings: Any) -> CEM:
        """The planner of highway-env's notebook on model-based RL: no warm start, no floor under the std, returns the mean."""
        preset: dict[str, Any] = dict(  # noqa: C408 (reads like a call)
            horizon=5, steps_per_knot=5, population=100, elites=10, iterations=5, init_std=1.0, min_std=0.0, momentum=0.0,
            discount=1.0, keep_elites=0, include_mean=False, returns="mean", warm_start=False, fresh_fraction=0.0, noise_beta=0.0,
        )  # fmt: skip
        return cls(problem, **{**preset, **settings})

    @classmethod
    def mbrl_lib(cls, problem: Problem, **settings: Any) -> CEM:
        """mbrl-lib's CEM for CartPole (``pets_cartpole``): PETS's with 5 × 350 × 15 steps, 35 elites, α 0.1, std a quarter of the
        range, the mean.

        Its noise is truncated at two std, and the std limited by half the distance to the nearer bound; its α acts on the variance:
        so here too, where the settings have ``truncate`` and ``momentum_on``. Its variance is the unbiased one. A NaN return
        counts as -1e-10 there, better than any negative one, and never here.
        """
        preset = of_fields(
            cls.settings_type, horizon=15, steps_per_knot=1, population=350, elites=35, iterations=5, init_std=0.5, min_std=0.0,
            momentum=0.1, keep_elites=0, include_mean=False, returns="mean", warm_start=True, truncate=True, momentum_on="variance",
        )  # fmt: skip
        return cls(problem, **{**preset, **settings})

    @classmethod
    def torchrl(cls, problem: Problem, **settings: Any) -> CEM:
        """TorchRL's CEMPlanner with the numbers of its documentation: 11 × 7 × 10 steps, 3 elites, no warm start, the mean.

        It begins with std 1 in the actions' own units, here half the range; its std is the unbiased one.
        """
        preset: dict[str, Any] = dict(  # noqa: C408
            horizon=10, steps_per_knot=1, population=7, elites=3, iterations=11, init_std=1.0, min_std=0.0, momentum=0.0,
            keep_elites=0, include_mean=False, returns="mean", warm_start=False,
        )  # fmt: skip
        return cls(problem, **{**preset, **settings})
