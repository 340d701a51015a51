"""Model predictive path integral control: Williams et al. 2017 (arXiv 1707.02342), algorithm 2, and its relatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mbrl_fast import _core
from mbrl_fast.planners.planner import SamplingPlanner
from mbrl_fast.planners.settings import SamplingSettings
from mbrl_fast.problem import Problem


@dataclass(frozen=True, kw_only=True)
class MPPISettings(SamplingSettings):
    """Settings of MPPI, beside those of :class:`SamplingSettings` and :class:`PlannerSettings`.

    Attributes:
        temperature: λ, in units of the return; with ``normalise`` τ, in standard deviations of the candidates' returns.
        normalise: whether it is.
        control_cost: 1 - α in [0, 1]: candidates pay λ (1 - α) uᵀ Σ⁻¹ ε for the mean u and their noise ε (after clipping), the
            information-theoretic price of control; white noise only.
        elites: only so many of the best have a weight, as in TD-MPC2; 0 for all, as in MPPI.
        refit_std: whether the next iteration's std is the weighted candidates', between ``min_std`` and ``init_std``.
        min_std: in units of half the action range.
        smooth: whether candidates continue the change that the last refit made (smooth MPPI).
        smoothness: ω: candidates pay ω |u(h) - u(h-1)|² for neighbouring knots, in units of return per squared action.
    """

    native_type: ClassVar[Any] = _core.MPPISettings

    iterations: int = 1
    keep_elites: int = 0
    include_mean: bool = False
    returns: str = "mean"
    temperature: float = 1.0
    normalise: bool = False
    control_cost: float = 0.0
    elites: int = 0
    refit_std: bool = False
    min_std: float = 0.0
    smooth: bool = False
    smoothness: float = 0.0


class MPPI(SamplingPlanner):
    """Plans with model predictive path integral control (PI²), in C++.

    Of N candidates u + ε, ε ~ N(0, Σ), with returns R (Williams et al. 2017, §III)::

        S_n = R_n - λ (1 - α) uᵀ Σ⁻¹ ε_n           w_n = exp((S_n - max S) / λ) / Σ exp((S_n - max S) / λ)
        u ← Σ w_n (u + ε_n)                         the answer, and, shifted, where the next plan begins

    All candidates with a finite return count; the others have no weight. With ``normalise`` λ = τ std(R), which does not depend on
    the reward's scale (Xue et al. 2024, arXiv 2409.15610, its code). Several iterations refine the mean with the same Σ.

    ``smooth=True`` (Kim et al. 2022, arXiv 2112.09988): with the plan A and its change U, candidates are A + U + ε, then
    A' = Σ w (A + U + ε) is the answer and U' = A' - A: the noise acts on the derivative. The paper's Δt scales U and nothing else:
    ``init_std`` is its σ·Δt. Its control cost is on U. What makes executed actions smooth is that σ·Δt is small beside σ, and
    ``smoothness``: with plain MPPI's ``init_std`` of 1 they can be rougher than its, for changes go on undamped.
    """

    name = "mppi"
    settings_type = MPPISettings

    @classmethod
    def smooth(cls, problem: Problem, **settings: Any) -> MPPI:
        """Smooth MPPI (arXiv 2112.09988) with pytorch-mppi's numbers: ω 1, control cost on the changes.

        pytorch-mppi means to bound the derivative by ``u_min`` and ``u_max`` and computes that, but uses the unbounded one; here
        neither is bounded, ``max_rate`` is for that. Its Δt is 1 by default, which makes actions rougher than plain MPPI's: here
        it is the Problem's ``dt``, with σ half the action range per second.
        """
        preset: dict[str, Any] = dict(  # noqa: C408
            smooth=True, smoothness=1.0, control_cost=1.0, horizon=15, steps_per_knot=1, init_std=min(problem.dt, 1.0),
        )  # fmt: skip
        return cls(problem, **{**preset, **settings})

    @classmethod
    def kernel(cls, problem: Problem, **settings: Any) -> MPPI:
        """MPPI over support points, interpolated by a Gaussian kernel (pytorch-mppi's KMPPI): 7 points for 14 steps, λ 1.

        Its kernel's std is one step, 6/13 of the distance between points. pytorch-mppi charges for control step by step,
        here nothing is charged.
        """
        preset: dict[str, Any] = dict(  # noqa: C408
            horizon=7, steps_per_knot=2, interpolation="rbf", kernel_width=6 / 13, temperature=1.0, control_cost=0.0,
        )  # fmt: skip
        return cls(problem, **{**preset, **settings})

    @classmethod
    def pytorch_mppi(cls, problem: Problem, **settings: Any) -> MPPI:
        """pytorch-mppi's defaults: λ 1, α 0, 100 × 15 steps, one iteration.

        Its ``noise_sigma`` has no default and is a covariance; here the std is the action's half range. It begins with random
        actions and lets zeros in at the end of a shifted plan; here both come from the bounds' middle and the plan's last action.
        """
        preset: dict[str, Any] = dict(  # noqa: C408
            horizon=15, steps_per_knot=1, population=100, iterations=1, temperature=1.0, control_cost=1.0, init_std=1.0,
            keep_elites=0, include_mean=False, returns="mean", warm_start=True, noise_beta=0.0, fresh_fraction=0.0,
        )  # fmt: skip
        return cls(problem, **{**preset, **settings})

    @classmethod
    def mbrl_lib(cls, problem: Problem, **settings: Any) -> MPPI:
        """mbrl-lib's MPPI for HalfCheetah: 5 × 350 × 30 steps, returns times 0.9.

        Its ``sigma`` has no effect: the scaled noise is overwritten by an unscaled one (``trajectory_opt.py``, MPPIOptimizer). Here
        ``init_std`` scales the noise, and 1.0 in units of half the range is what it does with bounds of ±1. Its low-pass
        filter (β 0.9: next to none) and the truncation of the noise at two std are left out.
        """
        preset: dict[str, Any] = dict(  # noqa: C408
            horizon=30, steps_per_knot=1, population=350, iterations=5, temperature=1 / 0.9, control_cost=0.0, init_std=1.0,
            keep_elites=0, include_mean=False, returns="mean", warm_start=True,
        )  # fmt: skip
        return cls(problem, **{**preset, **settings})

    @classmethod
    def nav2(cls, problem: Problem, **settings: Any) -> MPPI:
        """Nav2's MPPI controller: 1,000 × 56 steps, λ 0.3, γ 0.015 (its γ is λ (1 - α)).

        Its std are 0.2 m/s of 0.5 and 0.4 rad/s of 1.9, here 0.4 of half the range for all; a Savitzky–Golay filter over the
        answer is left out; noise is drawn anew for every plan, which Nav2 does only when asked to.
        """
        preset: dict[str, Any] = dict(  # noqa: C408
            horizon=56, steps_per_knot=1, population=1000, iterations=1, temperature=0.3, control_cost=0.05, init_std=0.4,
            keep_elites=0, include_mean=False, returns="mean", warm_start=True,
        )  # fmt: skip
        return cls(problem, **{**preset, **settings})

    @classmethod
    def tdmpc2(cls, problem: Problem, **settings: Any) -> MPPI:
        """TD-MPC2's planner: 6 × 512 × 3 steps, the best 64 weighted with exp(0.5 (R - max R)), std refitted in [0.05, 2].

        It answers with an elite drawn by its weight, here the mean. 24 of its candidates come from the policy: give them as
        proposals. A NaN return counts as 0 there and never here.
        """
        preset: dict[str, Any] = dict(  # noqa: C408
            horizon=3, steps_per_knot=1, population=512, iterations=6, temperature=2.0, elites=64, refit_std=True, init_std=2.0,
            min_std=0.05, keep_elites=0, include_mean=False, returns="mean", warm_start=True,
        )  # fmt: skip
        return cls(problem, **{**preset, **settings})
