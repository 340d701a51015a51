"""A sampler looks for a plan, and one that follows gradients makes it better."""

from __future__ import annotations

import time
from typing import Any

from numpy.typing import ArrayLike

from mbrl_fast.planners.plan import Plan
from mbrl_fast.planners.planner import Planner


class Refined:
    """Two planners as one: ``Refined(CEM(problem, ...), ILQR(problem, ...))``.

    The sampler finds the valley, the refiner its bottom: ``refiner.plan`` starts from the sampler's answer, and never answers with
    less than it started from. The refined plan is a candidate of the sampler's next one. Both need the same Problem, horizon and
    ``steps_per_knot``.

    Args:
        sampler: any planner that takes ``candidates``.
        refiner: :class:`ILQR` or :class:`GradientShooting`.
        share: of ``deadline_ms`` that the sampler may use, in (0, 1).
    """

    def __init__(self, sampler: Planner, refiner: Planner, share: float = 0.5) -> None:
        for name in ("horizon", "steps_per_knot"):
            one, other = getattr(sampler.settings, name), getattr(refiner.settings, name)
            if one != other:
                raise ValueError(f"sampler and refiner must have the same {name}, got {one} and {other}")
        if sampler.problem is not refiner.problem:
            raise ValueError("sampler and refiner must plan on the same problem object")
        if not 0 < share < 1:
            raise ValueError(f"share must be in (0, 1), got {share}")
        self.sampler, self.refiner, self.share = sampler, refiner, share

    @property
    def problem(self) -> Any:
        """The Problem that both plan on."""
        return self.sampler.problem

    @property
    def settings(self) -> Any:
        """The sampler's: horizon and knots are the refiner's too."""
        return self.sampler.settings

    def plan(self, state: ArrayLike, *, deadline_ms: float | None = None, **options: Any) -> Plan:
        """Plans from a state [S]; options and inputs as of both planners, see :meth:`Planner.plan`."""
        began = time.perf_counter()
        first = self.sampler.plan(state, deadline_ms=None if deadline_ms is None else self.share * deadline_ms, **options)
        left = None if deadline_ms is None else deadline_ms - 1e3 * (time.perf_counter() - began)
        refined = self.refiner.plan(state, deadline_ms=left, **{**options, "candidates": first.actions[None]})
        # Cut off before it had evaluated anything, a refiner knows nothing better than its own last plan.
        return refined if refined.value >= first.value else first
