"""iLQR: Li & Todorov 2004; with limits on the actions Tassa, Mansard & Todorov 2014 (Control-limited DDP)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mbrl_fast import _core
from mbrl_fast.planners.planner import Planner
from mbrl_fast.planners.settings import PlannerSettings


@dataclass(frozen=True, kw_only=True)
class ILQRSettings(PlannerSettings):
    """Settings of iLQR, beside those of :class:`PlannerSettings`.

    Attributes:
        iterations: at most; each expands the model along the trajectory, solves for a change, and tries step sizes.
        step_sizes: tried side by side: 1, 1/2, 1/4, … of the change.
        regularisation: the least that is added to the curvature by the actions; grows tenfold when no step size is better.
        tolerance: relative gain of the return below which the plan has converged.
        smoothing: |z| and √q count as at least this where the quadratic model divides by them.
        feedback: whether plans carry ``gains``, so that ``plan.action_at(seconds, state)`` can answer to where the state really is.
    """

    native_type: ClassVar[Any] = _core.ILQRSettings

    horizon: int = 25
    steps_per_knot: int = 1
    iterations: int = 10
    step_sizes: int = 8
    regularisation: float = 1e-6
    tolerance: float = 1e-4
    smoothing: float = 1e-2
    feedback: bool = True


class ILQR(Planner):
    """Plans by iterated linear-quadratic control on the true model's rollouts, in C++. Local: it improves the plan it starts from.

    Along the trajectory so far, x̄ and ū, dynamics are linear and the return is quadratic::

        x' ≈ f(x̄, ū) + A·δx + B·δu        −r ≈ −r(x̄, ū) − gᵀδz + ½·δzᵀCδz,   z = (x, u)

    A, B and g are true derivatives of the exported modules. C is positive semidefinite: Gauss-Newton's for squares, and for
    |z| and √|z| the parabola that lies above (so the concave distance to a goal has a minimum to step to). The backward pass
    minimises Q(δx, δu) over δu within the bounds, by projected Newton; step sizes are tried by rollouts side by side; what is
    better becomes the trajectory. It is iLQR: the dynamics' second derivatives, DDP's, are left out.

    Of an ensemble the backward pass sees one system: along the mean of the members' trajectories, the mean over the members of
    their derivatives and curvatures there. How members differ within a step is in that model; how far their trajectories have
    come apart before it is not. The rollouts that decide among the step sizes are of every member, so an answer is never worse
    than where it began, but where members come apart it may stop short of the best: see :class:`Refined`.

    It starts from the last plan, shifted, or from the middle of the bounds: give it something better with ``candidates=``.
    """

    name = "ilqr"
    settings_type = ILQRSettings
