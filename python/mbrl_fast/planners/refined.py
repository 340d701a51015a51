"""A sampler looks for a plan, and a planner that follows gradients makes it better."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbrl_fast.planners.options import Options
from mbrl_fast.planners.plan import Plan, PlanBatch, PlanStats
from mbrl_fast.planners.planner import Planner


class Refined:
    """Two planners as one: ``Refined(CEM(problem, ...), ILQR(problem, ...))``.

    The sampler finds the valley, the refiner its bottom: it starts from the better of the sampler's answer and its own last plan,
    shifted, and never answers with less than that. Both plan on one Problem, with answers of as many rows.

    Args:
        sampler: any planner.
        refiner: :class:`ILQR` or :class:`GradientShooting`, or whatever takes ``candidates``.
        share: of ``deadline_ms`` that the sampler may use, in (0, 1).
    """

    def __init__(self, sampler: Planner, refiner: Planner, share: float = 0.5) -> None:
        one, other = (planner.settings.horizon * planner.settings.steps_per_knot for planner in (sampler, refiner))
        if one != other or sampler._knot_seconds != refiner._knot_seconds:
            raise ValueError(
                f"sampler and refiner must answer with the same rows, got {one} and {other} model steps, "
                f"{sampler._knot_seconds:g} and {refiner._knot_seconds:g} seconds a row"
            )
        if sampler.problem is not refiner.problem:
            raise ValueError("sampler and refiner must plan on the same Problem object")
        if not 0 < share < 1:
            raise ValueError(f"share must be in (0, 1), got {share}")
        self.problem, self.sampler, self.refiner, self.share = sampler.problem, sampler, refiner, share

    @property
    def settings(self) -> Any:
        """The sampler's."""
        return self.sampler.settings

    def plan(
        self,
        state: ArrayLike,
        *,
        previous_action: ArrayLike | None = None,
        elapsed: float = 1.0,
        deadline_ms: float | None = None,
        delay: float | None = None,
        committed: ArrayLike | None = None,
        candidates: ArrayLike | None = None,
        **inputs: ArrayLike,
    ) -> Plan:
        """Plans from a state [S]; the options are those of :meth:`Planner.plan`, ``candidates`` are the sampler's."""
        options = Options(previous_action, elapsed, deadline_ms, delay=delay, committed=committed, candidates=candidates)
        return self._decide(0, state, inputs, options)

    def plan_batch(
        self,
        states: ArrayLike,
        *,
        previous_action: ArrayLike | None = None,
        elapsed: float = 1.0,
        deadline_ms: float | None = None,
        **inputs: ArrayLike,
    ) -> PlanBatch:
        """Plans from states [B, S], row b as an independent planner would; inputs are [shape] or [B, shape]."""
        plans = []
        for row, state in enumerate(np.asarray(states)):
            previous = None if previous_action is None else np.asarray(previous_action)[row]
            plans.append(self._decide(row, state, self._of_row(inputs, row), Options(previous, elapsed, deadline_ms)))
        if not plans:
            return self.sampler.plan_batch(states, **inputs)  # type: ignore[arg-type]
        visited = [plan.states if len(plan.states) else np.full_like(plans[0].states, np.nan) for plan in plans]
        return PlanBatch(
            np.stack([plan.actions for plan in plans]), np.stack(visited), np.array([plan.value for plan in plans], np.float32),
            [plan.status for plan in plans], [plan.stats for plan in plans], plans[0].knot_seconds,
        )  # fmt: skip

    def reset(self, rows: Iterable[int] | None = None) -> None:
        """Forgets the last plans, see :meth:`Planner.reset`."""
        chosen = None if rows is None else list(rows)
        self.sampler.reset(chosen)
        self.refiner.reset(chosen)

    def _of_row(self, inputs: Mapping[str, ArrayLike], row: int) -> dict[str, ArrayLike]:
        shapes = self.problem.inputs
        arrays = {name: np.asarray(value) for name, value in inputs.items()}
        return {name: a[row] if name in shapes and a.ndim > len(shapes[name]) else a for name, a in arrays.items()}

    def _decide(self, stream: int, state: ArrayLike, inputs: Mapping[str, ArrayLike], options: Options) -> Plan:
        began, deadline_ms, given = time.perf_counter(), options.deadline_ms, dict(inputs)
        share = None if deadline_ms is None else self.share * deadline_ms
        first = self.sampler._plan(state, given, options._replace(deadline_ms=share), stream=stream)
        left = None if deadline_ms is None else deadline_ms - 1e3 * (time.perf_counter() - began)
        start = options._replace(deadline_ms=left, candidates=first.actions[None])
        refined = self.refiner._plan(state, given, start, stream=stream)
        # Cut off before it had evaluated its start, the refiner knows nothing better than its own last plan.
        better = refined if refined.value >= first.value else first
        steps, milliseconds = first.model_steps + refined.model_steps, 1e3 * (time.perf_counter() - began)
        return replace(better, stats=PlanStats(better.stats.tiles, steps, milliseconds))

    def __repr__(self) -> str:
        return f"Refined({self.sampler!r}, {self.refiner!r})"
