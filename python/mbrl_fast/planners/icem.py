"""iCEM, the improved cross-entropy method: Pinneri et al. 2020 (arXiv 2008.06389), §3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mbrl_fast import _core
from mbrl_fast.planners.cem import CEM, CEMSettings
from mbrl_fast.problem import Problem


@dataclass(frozen=True, kw_only=True)
class ICEMSettings(CEMSettings):
    """Settings of iCEM, those of :class:`CEMSettings` with the paper's defaults, and one more.

    Attributes:
        decay: γ: iteration i has max(2·elites, ⌊population / γ^i⌋) candidates, never more than ``population``.
        keep_elites: ξ·elites, the paper's ξ is 0.3.
        include_mean: whether the mean is a candidate of the last iteration; it is one of no other.
    """

    native_type: ClassVar[Any] = _core.ICEMSettings

    horizon: int = 30
    steps_per_knot: int = 1
    population: int = 40
    iterations: int = 3
    init_std: float = 0.5
    noise_beta: float = 3.0
    min_std: float = 0.0
    momentum: float = 0.1
    decay: float = 1.25


class ICEM(CEM):
    """CEM made for few candidates, in C++: a good plan from some hundred of them.

    Beside CEM (Pinneri et al. 2020, §3.1–3.5; settings as of :class:`ICEMSettings`):

    * noise with a power spectrum 1/f^β along the horizon, so that a candidate goes somewhere instead of trembling in place;
    * fewer candidates in later iterations, N_i = max(2K, ⌊N γ^-i⌋);
    * ξK elites stay candidates in the next iteration and, shifted in time, in the next plan, their last action drawn anew;
    * the mean is a candidate in the last iteration only; the answer is the best candidate, not the mean;
    * μ ← α μ + (1 - α) mean(elites), likewise σ, which begins anew in every plan.

    Where it differs from the paper: kept elites take places of the N_i candidates and are rolled out again (to the same return),
    so that N_i is what a plan costs.
    """

    name = "icem"
    settings_type = ICEMSettings

    @classmethod
    def paper(cls, problem: Problem, **settings: Any) -> ICEM:
        """The authors' settings (github.com/martius-lab/iCEM, ``i-cem-blitz.json``): the defaults, spelled out.

        β is 3 there for most tasks; 0.25 for running (HalfCheetah), 2 for standing up (Humanoid), 2.5 for opening a door.
        """
        preset: dict[str, Any] = dict(  # noqa: C408 (reads like a call)
            horizon=30, steps_per_knot=1, population=40, elites=10, iterations=3, decay=1.25, init_std=0.5, noise_beta=3.0,
            momentum=0.1, keep_elites=3, include_mean=True, returns="best", warm_start=True, min_std=0.0, fresh_fraction=0.0,
        )  # fmt: skip
        return cls(problem, **{**preset, **settings})
