"""The cross-entropy method: Rubinstein 1999; for control with learned models Chua et al. 2018 (arXiv 1805.12114), §5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mbrl_fast import _core
from mbrl_fast.planners.planner import SamplingPlanner
from mbrl_fast.planners.settings import SamplingSettings, _typed
from mbrl_fast.problem import Problem


@dataclass(frozen=True, kw_only=True)
class CEMSettings(SamplingSettings):
    """Settings of CEM, beside those of :class:`SamplingSettings` and :class:`PlannerSettings`.

    Attributes:
        elites: the best K, on which mean and std are refitted.
        min_std: the least after a refit, in units of half the action range.
        momentum: weight of the old mean and std (and of what else is refitted), in [0, 1).
        momentum_on: "std" or "variance": what the momentum blends, as PETS does the variance.
        truncate: candidates from a normal truncated at ± 2 std with the std at most half the way from the mean to the nearer bound,
            as in PETS; else from a normal clipped to the bounds. The same noise, mapped in its order.
        covariance: "diagonal", or "full": over all knots and actions, at most 256. After the first refit of a plan it takes the
            place of the noise's colour. Where the matrix is not positive definite, the diagonal.
        shrinkage: weight of its diagonal, in [0, 1]; None: the oracle approximating shrinkage of the elites' correlation matrix
            (Chen, Wiesel, Eldar & Hero 2010, IEEE Trans. Signal Processing 58, eq. 23).
        choices: for each action how many values it has, evenly from its lower to its upper bound, or None (0) for a continuous one;
            with bounds 0 and n - 1 and n choices they are whole numbers. Their probabilities are refitted knot by knot (categorical
            CEM) and shifted for a warm start; the mean of such an action is its likeliest value, and its std is 0. ``max_rate`` and
            a full covariance are for continuous actions.
        min_probability: the least of every choice after a refit, below 1 / n.
    """

    native_type: ClassVar[Any] = _core.CEMSettings

    elites: int = 10
    min_std: float = 0.05
    momentum: float = 0.0
    momentum_on: str = "std"
    truncate: bool = False
    covariance: str = "diagonal"
    shrinkage: float | None = None
    choices: Sequence[int | None] | None = None
    min_probability: float = 0.01

    def __post_init__(self) -> None:
        if self.shrinkage is not None:
            object.__setattr__(self, "shrinkage", _typed(self.shrinkage, "float", "shrinkage"))
        object.__setattr__(self, "choices", _choices(self.choices))
        super().__post_init__()

    def _assign(self, native: Any, name: str, value: Any) -> None:
        words = {"momentum_on": ("std", "variance"), "covariance": ("diagonal", "full")}
        if name in words and value not in words[name]:
            raise ValueError(f"{name} must be {words[name][0]!r} or {words[name][1]!r}, got {value!r}")
        if name == "momentum_on":
            native.momentum_on_variance = value == "variance"
        elif name == "covariance":
            native.full_covariance = value == "full"
        else:
            super()._assign(native, name, [n or 0 for n in value or ()] if name == "choices" else value)


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
    def pets(cls, problem: Problem, **settings: Any) -> CEM:
        """The planner of PETS (Chua et al. 2018): truncated normals, momentum 0.1 on mean and variance, an initial variance of a
        sixteenth of the squared range, warm start, returns the mean. Population, elites and horizon are those of its cart-pole.
        """
        preset: dict[str, Any] = dict(  # noqa: C408 (reads like a call)
            horizon=25, steps_per_knot=1, population=400, elites=40, iterations=5, init_std=0.5, min_std=0.0, momentum=0.1,
            momentum_on="variance", truncate=True, keep_elites=0, include_mean=False, returns="mean", warm_start=True,
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
        preset: dict[str, Any] = dict(  # noqa: C408
            horizon=15, steps_per_knot=1, population=350, elites=35, iterations=5, init_std=0.5, min_std=0.0,
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


def _choices(value: Any) -> tuple[int | None, ...] | None:
    """A tuple of plain numbers and Nones, or None."""
    if value is None:
        return None
    if isinstance(value, str) or not np.iterable(value):
        raise TypeError(f"choices must be a number or None for each action, got {value!r}")
    return tuple(None if n is None else _typed(n, "int", "choices") for n in value)
