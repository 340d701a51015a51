"""The Python face of every planner; the loops run in C++."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mbrl_fast import _core
from mbrl_fast.planners.options import Options
from mbrl_fast.planners.plan import Iteration, Plan, PlanBatch, PlanStats
from mbrl_fast.planners.settings import PlannerSettings
from mbrl_fast.planners.snapshot import snapshot_bytes
from mbrl_fast.problem import Problem
from mbrl_fast.tensors import write_whole


class Planner:
    """What all planners are: made of a Problem and settings, asked for plans.

    The same seed gives the same plans, bit for bit, for any number of threads. A planner is for one thread at a time; make one per
    thread. A subclass names its settings' type and what makes it in the core.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type[PlannerSettings]]
    settings: Any

    def __init__(self, problem: Problem, **settings: Any) -> None:
        known = {field.name for field in fields(self.settings_type)}
        for name in settings:
            if name not in known:
                raise TypeError(f"unknown setting {name!r}; {type(self).__name__} has: {', '.join(sorted(known))}")
        self.problem = problem
        self.settings = self.settings_type(**settings)
        self._core: _core.Planner = getattr(_core, self.name)(problem._core, self.settings.native())
        self._knot_seconds = self._core.steps_per_action * problem.dt
        self._asked: tuple[dict[int, bytes], Any, Any] = ({}, None, None)

    def plan(
        self,
        state: ArrayLike,
        *,
        previous_action: ArrayLike | None = None,
        elapsed: float = 1.0,
        deadline_ms: float | None = None,
        max_tiles: int | None = None,
        delay: float | None = None,
        committed: ArrayLike | None = None,
        candidates: ArrayLike | None = None,
        action_low: ArrayLike | None = None,
        action_high: ArrayLike | None = None,
        temperature: float | None = None,
        trace: bool = False,
        **inputs: ArrayLike,
    ) -> Plan:
        """Plans from a state [S] with the run-time inputs by name, e.g. ``goal=goal``.

        Args:
            previous_action: the last executed action [A], for rewards that ask for it (zeros by default) and for ``max_rate``.
            elapsed: model steps since the last plan, by which it is shifted for a warm start.
            deadline_ms: milliseconds from the call in which the answer is due, checked between the model steps of a tile; 0 or
                less answers at once with the shifted last plan. What was evaluated in time counts, see ``Plan.status``.
            max_tiles: stop after so many tiles; ``plan.stats.tiles`` of a plan that was cut off repeats it, bit for bit.
            delay: seconds until the first action of this plan takes effect, at most 64 model steps. The state is rolled forward
                over the actions that are on their way until then, a model step that is partly over in proportion. Per-step
                inputs and ``time`` count from there.
            committed: these actions [D, A], D = ``delay / dt`` rounded up: one for each model step, the last one ending where the
                plan begins. By default those of this planner's own plans, on the first plan ``previous_action`` or the middle
                of the bounds.
            candidates: actions [P, H, A] to try besides the planner's own, in the first iteration, with the rows of
                ``plan.actions``; P as far as the population leaves room. They are clipped to the bounds, and where knots
                are expanded each becomes the knots that it passes through.
            action_low, action_high: bounds of this plan, one number or [A], within the problem's.
            temperature: of this plan, for planners that have one.
            trace: keep every iteration in ``plan.trace``. Allocates: for looking at, not for a control loop.
        """
        options = Options(
            previous_action, elapsed, deadline_ms, max_tiles, delay, committed, candidates, action_low, action_high, temperature
        )
        self._ask(options)
        plan = self._plan(state, inputs, options, trace)
        if plan.bounds is None or (action_low is None and action_high is None):
            return plan
        given = (action_low, action_high)
        low, high = (
            own if new is None else np.broadcast_to(np.asarray(new, np.float32), own.shape)
            for own, new in zip(plan.bounds, given, strict=True)
        )
        return replace(plan, bounds=(low, high))

    def _ask(self, options: Options) -> None:
        """Notes what a snapshot will be asked for."""
        self._asked = (self.problem._files, options.deadline_ms, options.delay)
        if options.temperature is not None and not hasattr(self.settings, "temperature"):
            raise ValueError(f"temperature must be None: {type(self).__name__} has none, got {options.temperature!r}")

    def _plan(self, state: Any, inputs: dict[str, Any], options: Options, trace: bool = False, stream: int = 0) -> Plan:
        answer = self._core.plan(state, inputs, *options, trace, stream)
        actions, states, value, returns, status, tiles, steps, milliseconds, begins_at, iterations, gains = answer
        stats = PlanStats(tiles, steps, milliseconds)
        traced = None if iterations is None else tuple(Iteration(*each) for each in iterations)
        bounds = None if gains is None else (self.problem.action_low, self.problem.action_high)
        dealt = self.settings.particles > 0 and self.settings.propagation == "ts1"
        return Plan(
            actions, states, value, status, stats, self._knot_seconds, begins_at, traced, gains, bounds,
            returns if len(returns) else None, None if dealt else self.problem.members,
        )  # fmt: skip

    def plan_batch(
        self,
        states: ArrayLike,
        *,
        previous_action: ArrayLike | None = None,
        elapsed: float = 1.0,
        deadline_ms: float | None = None,
        max_tiles: int | None = None,
        delay: float | None = None,
        committed: ArrayLike | None = None,
        candidates: ArrayLike | None = None,
        action_low: ArrayLike | None = None,
        action_high: ArrayLike | None = None,
        temperature: float | None = None,
        **inputs: ArrayLike,
    ) -> PlanBatch:
        """Plans from states [B, S]; each input has its own shape or a leading axis B.

        Row b plans as an independent planner would: its own noise stream, warm start and plan counter. ``previous_action`` is
        [B, A] and ``committed`` [B, D, A]. Rows are planned one after the other: ``deadline_ms`` and ``max_tiles`` hold for each
        of them, and its milliseconds count from where its own plan begins. ``candidates``, bounds and temperature are as of
        ``plan``, the same for all rows.
        """
        options = Options(
            previous_action, elapsed, deadline_ms, max_tiles, delay, committed, candidates, action_low, action_high, temperature
        )
        self._ask(options)
        actions, visited, values, statuses, stats, begins_at = self._core.plan_batch(states, inputs, *options)
        rows = [PlanStats(*row) for row in stats]
        return PlanBatch(actions, visited, values, statuses, rows, self._knot_seconds, begins_at)

    def reset(self, rows: Iterable[int] | None = None) -> None:
        """Forgets the last plan and begins the noise counter anew; of some rows of ``plan_batch`` only, if given.

        ``rows`` are indices or, as ``episode_start`` of vector environments is, one bool per row.
        """
        chosen = None if rows is None else np.asarray(list(rows))
        if chosen is not None and chosen.dtype == np.bool_:
            chosen = np.flatnonzero(chosen)
        self._core.reset(None if chosen is None else [int(row) for row in chosen])

    def snapshot(self, path: str | os.PathLike[str] | None = None) -> bytes:
        """Everything that the last decision depended on, and the decision: the bytes of one file, written to ``path`` if given.

        ``mbrl_fast.replay`` and ``mbrl-fast replay FILE`` plan it again bit for bit. It holds the Problem with the weights of that
        moment, the settings, what the planner remembered before, state, inputs, delay, how far the deadline let it come, and the
        answer. Of a batch it is the last row. Raises ValueError before the first plan.
        """
        decision = self._core.decision()
        if decision is None:
            raise ValueError("a snapshot needs a decision: call plan first")
        files, deadline_ms, delay = self._asked
        problem = {**files, **self.problem._files}.get(decision["weights"])
        if problem is None:
            raise ValueError("the weights of the last decision are gone: the problem was updated several times since")
        asked = {"deadline_ms": None if deadline_ms is None else float(deadline_ms), "delay": float(delay or 0)}
        data = snapshot_bytes({**decision, **asked}, problem, self.name, asdict(self.settings))
        if path is not None:
            write_whole(path, data)
        return data

    def _replay(self, words: dict[str, Any], arrays: dict[str, Any], trace: bool) -> Plan:
        """Plans the decision of a snapshot again, see ``mbrl_fast.planners.replay``."""
        held, stream = words["memory"], words["stream"]
        mean, answer, kept, committed, extra = (
            arrays[f"memory/{name}"].tolist() for name in ("mean", "answer", "kept", "committed", "extra")
        )
        memory = (held["plans"], mean, answer, kept, held["kept_count"], committed, held["delay"], extra)
        self._core.set_memory([memory], stream)
        inputs = {name.removeprefix("input/"): value for name, value in arrays.items() if name.startswith("input/")}
        options = Options(
            arrays.get("previous_action"), words["elapsed"], None, words["tiles"], words["delay"], arrays["committed"],
            arrays.get("candidates"), arrays.get("action_low"), arrays.get("action_high"), words.get("temperature"),
        )  # fmt: skip
        return self._plan(arrays["state"], inputs, options, trace, stream)

    def __getstate__(self) -> dict[str, Any]:
        return {"problem": self.problem, "settings": asdict(self.settings), "memory": self._core.memory()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["problem"], **state["settings"])  # type: ignore[misc]
        self._core.set_memory(state["memory"])

    def __repr__(self) -> str:
        s, dt = self.settings, self.problem.dt
        ahead = s.horizon * s.steps_per_knot * dt
        return f"{type(self).__name__}({s.horizon} knots × {s.steps_per_knot} steps × {dt:g} s = {ahead:.3g} s ahead{self._work()})"

    def _work(self) -> str:
        """What a plan costs, for repr."""
        return ""


class SamplingPlanner(Planner):
    """A planner that draws candidates, rolls them out and refits."""

    def _work(self) -> str:
        s = self.settings
        steps = s.horizon * s.steps_per_knot * s.population * s.iterations * (s.particles or self.problem.members)
        return f", {steps:,} model steps a plan"
