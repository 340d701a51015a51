"""Settings that planners share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np

from mbrl_fast import _core
from mbrl_fast.objective import native_objective, native_propagation

_KINDS: dict[str, Any] = {"int": Integral, "float": Real, "bool": bool, "str": str}
"""Types of settings that are checked here, as fields are annotated."""


@dataclass(frozen=True, kw_only=True)
class PlannerSettings:
    """Settings of every planner.

    Attributes:
        horizon: knots, H.
        steps_per_knot: model steps for which an action is held.
        discount: per model step, in (0, 1].
        warm_start: whether a plan starts from the last one, shifted by the elapsed time.
        max_rate: how fast actions may change, in their units per second: one number, or one for each action; None for no limit. No
            knot of any candidate or answer differs by more than ``max_rate * knot seconds`` from the one before it, nor the first
            from ``previous_action`` by more than ``max_rate * elapsed * dt``; without a ``previous_action`` the first is free. The
            bounds come first where an executed action lies outside of them, and a denormal ``previous_action`` counts as zero.
        objective: what counts of a candidate's trajectories: "mean", "mean_std", "mean_within", "mean_between", "worst", "cvar" or
            "entropic", as :meth:`mbrl_fast.Problem.rollout` defines them. ``Plan.value`` is of it.
        risk: of the objective: the weight of a spread (negative is cautious, positive a bonus for exploration), the share of
            "cvar" in (0, 1], the exponent of "entropic"; 0 for "mean" and "worst".
        particles: trajectories of a candidate, with the model's noise: a multiple of the members; 0: one for each member, at its
            mean. The noise is new in every plan and the same for all candidates and iterations.
        propagation: which member a particle runs: "ts_inf", one and the same, or "ts1", dealt anew in every step.
        seed: of the noise.
        threads: that share the candidates; the plan's bits do not depend on it.
    """

    native_type: ClassVar[Any] = _core.PlannerSettings

    horizon: int = 5
    steps_per_knot: int = 5
    discount: float = 1.0
    warm_start: bool = True
    max_rate: float | Sequence[float] | None = None
    objective: str = "mean"
    risk: float = 0.0
    particles: int = 0
    propagation: str = "ts_inf"
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_rate", _rates(self.max_rate))
        for field in fields(self):
            if str(field.type) not in _KINDS:
                continue
            object.__setattr__(self, field.name, _typed(getattr(self, field.name), str(field.type), field.name))
        self._check()
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed must be in 0..2**64-1, got {self.seed}")
        self.native().validate()

    def _check(self) -> None:
        """What the core does not: words."""

    def native(self) -> Any:
        """The same settings for the core."""
        native = self.native_type()
        for name, value in asdict(self).items():
            self._assign(native, name, value)
        return native

    def _assign(self, native: Any, name: str, value: Any) -> None:
        if name == "objective":
            value = native_objective(value)
        elif name == "propagation":
            value = native_propagation(value)
        elif name == "max_rate":
            value = [] if value is None else [value] if isinstance(value, float) else list(value)
        try:
            setattr(native, name, value)
        except TypeError:
            raise ValueError(f"{name} must fit a 32-bit integer, got {value}") from None


@dataclass(frozen=True, kw_only=True)
class SamplingSettings(PlannerSettings):
    """Settings of the planners that sample. Standard deviations are in units of half the action range.

    Attributes:
        population: candidates per iteration, N.
        iterations: refits per plan.
        init_std: of the sampling Gaussian at the start of every plan.
        noise_beta: power spectrum 1/f^beta of the noise along the horizon; 0 is white (Pinneri et al. 2020, arXiv 2008.06389).
        fresh_fraction: share of the candidates drawn from the initial distribution in every iteration, the way out of local optima.
        keep_elites: elites that stay candidates in the next iteration and, shifted, in the next plan.
        include_mean: whether the mean itself is a candidate.
        returns: "mean" (the last mean) or "best" (the best candidate of all iterations).
        interpolation: what happens between knots. ``"hold"``: an action stays until the next knot. ``"linear"``, ``"cubic"``
            (Hermite's, with slopes of finite differences as in mujoco_mpc) and ``"rbf"`` (a Gaussian kernel, as in KMPPI) give one
            action for each model step, clipped to the bounds; the first knot lies at the first step, the last at the last. Then
            ``plan.actions`` has ``horizon * steps_per_knot`` rows of ``dt`` seconds.
        knot_growth: each knot lasts so many times as long as the one before it (interpolated: the distances between knots
            grow), rounded to whole model steps, at least one, and together ``horizon * steps_per_knot`` as ever; in [1, 10]. Other
            than 1 makes one row of ``plan.actions`` for each model step, too.
        kernel_width: standard deviation of the ``"rbf"`` kernel in knots, in [0.1, 2].
        action_rate_penalty: weight on the squared change of actions, in units of half their range, summed over model steps and
            actions, the first against ``previous_action`` where it is given. Is subtracted from returns and ``plan.value``.
        policy_candidates: whether the Problem's policy, rolled out under the dynamics, is one more candidate of the first
            iteration, one for each member.
        prune: whether candidates that can no longer matter are left unfinished, where the Problem knows a ``reward_bound``:
            the same plans, bit for bit, with fewer model steps. Planners that weigh all candidates cannot, nor can any with an
            ``action_rate_penalty``.
    """

    native_type: ClassVar[Any] = _core.SamplingSettings

    population: int = 100
    iterations: int = 5
    init_std: float = 1.0
    noise_beta: float = 0.0
    fresh_fraction: float = 0.0
    keep_elites: int = 3
    include_mean: bool = True
    returns: str = "best"
    interpolation: str = "hold"
    knot_growth: float = 1.0
    kernel_width: float = 1.0
    action_rate_penalty: float = 0.0
    policy_candidates: bool = False
    prune: bool = True

    def _check(self) -> None:
        if self.returns not in ("mean", "best"):
            raise ValueError(f"returns must be 'mean' or 'best', got {self.returns!r}")

    def _assign(self, native: Any, name: str, value: Any) -> None:
        if name == "returns":
            native.returns_best = value == "best"
        else:
            super()._assign(native, name, value)


def _rates(value: Any) -> float | tuple[float, ...] | None:
    """A plain number, a tuple of them, or None."""
    if value is None or isinstance(value, (int, float, np.integer, np.floating)):
        return None if value is None else float(_typed(value, "float", "max_rate"))
    rates = () if isinstance(value, str) else tuple(np.asarray(value).reshape(-1).tolist())
    if not rates:
        raise TypeError(f"max_rate must be a number, one number for each action, or None, got {value!r}")
    return tuple(float(_typed(rate, "float", "max_rate")) for rate in rates)


def _typed(value: Any, kind: str, name: str) -> Any:
    """A plain Python value of the field's type; NumPy's integers and floats are welcome, a bool is no number."""
    allowed = _KINDS[kind]
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind != "bool"):
        raise TypeError(f"{name} must be {kind}, got {value!r}")
    return {"int": int, "float": float, "bool": bool, "str": str}[kind](value)
