"""Direct transcription with CasADi and IPOPT: a teaching counterpart and an oracle, not a planner for real time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbrl_fast import _core
from mbrl_fast.planners.casadi_program import casadi, kinks
from mbrl_fast.planners.plan import Floats, Plan, PlanStats
from mbrl_fast.planners.settings import PlannerSettings
from mbrl_fast.planners.transcription import Transcription
from mbrl_fast.problem import Problem

CONVERGED = ("Solve_Succeeded", "Solved_To_Acceptable_Level")


@dataclass(frozen=True, kw_only=True)
class CollocationSettings(PlannerSettings):
    """Settings of :class:`Collocation`, beside those of :class:`PlannerSettings`; ``seed`` and ``threads`` have no effect.

    Attributes:
        smoothing: ε of the smooth reward that the solver sees, in the reward's own units: |x| → √(x² + ε²), √x → √(x + ε).
        max_iterations: of IPOPT.
        tolerance: of IPOPT's optimality conditions.
        exact_hessian: second derivatives of the model; False builds them up from gradients (L-BFGS), for large networks.
    """

    # Only the shared settings are for the core, to be checked there; its base type cannot be made.
    native_type: ClassVar[Any] = _core.CEMSettings

    smoothing: float = 1e-2
    max_iterations: int = 200
    tolerance: float = 1e-6
    exact_hessian: bool = True

    def _check(self) -> None:
        for name in ("smoothing", "tolerance"):
            value = getattr(self, name)
            if not (0.0 <= value < np.inf and (name == "smoothing" or value > 0)):
                raise ValueError(f"{name} must be finite and {'>= 0' if name == 'smoothing' else '> 0'}, got {value}")
        if self.max_iterations < 1:
            raise ValueError(f"max_iterations must be >= 1, got {self.max_iterations}")

    def native(self) -> Any:
        """The settings that the core knows too."""
        native = self.native_type()
        for field in fields(PlannerSettings):
            self._assign(native, field.name, getattr(self, field.name))
        return native

    def ipopt(self) -> dict[str, Any]:
        """Options of the solver."""
        hessian = "exact" if self.exact_hessian else "limited-memory"
        chosen: dict[str, Any] = {"max_iter": self.max_iterations, "tol": self.tolerance, "hessian_approximation": hessian}
        # The guess obeys the model already: a late start of the barrier keeps it from being pushed far away.
        chosen["mu_init"] = 1e-2
        quiet = {"print_level": 0, "sb": "yes"}
        return {"print_time": False, "error_on_fail": False, "ipopt": {**chosen, **quiet}}


class Collocation:
    """Plans by direct transcription: all states and actions of the plan at once, as one large sparse program for IPOPT.

    The form is the plainest one: a mesh point at every model step, actions held over knots, and as defects the exported model's
    own discrete step, ``x[t+1] − f(x[t], u[t]) = 0``. That is multiple shooting with segments of one step. The Hermite–Simpson and
    trapezoidal defects of collocation proper need a time derivative, which a learnt step does not have. Betts 2010, *Practical
    Methods for Optimal Control*, chapters 3 and 4; Kelly 2017, SIAM Review 59(4), 849–904.

    It takes milliseconds to minutes, without a bound: **not for real time**. IPOPT finds a local optimum near the guess; give it
    another planner's answer (``guess=plan.actions``). The dynamics are the model's own; where the reward is not smooth the solver
    sees a smooth one (``smoothing``). ``plan.value`` is the true return. ``kinks`` names operations that jump, of which the solver
    knows nothing. An ensemble's plan is one sequence of actions for the mean of the members' returns, with states per member.
    Made for small models: a network of some thousand weights is a second, one of a hundred thousand is not practical.

    Not in ``planners.REGISTRY``, for it has no deadline, no snapshot and no batch.
    """

    name = "collocation"
    settings_type = CollocationSettings

    def __init__(self, problem: Problem, **settings: Any) -> None:
        known = {field.name for field in fields(self.settings_type)}
        for name in settings:
            if name not in known:
                raise TypeError(f"unknown setting {name!r}; {type(self).__name__} has: {', '.join(sorted(known))}")
        casadi()
        outputs = problem.graph["programs"]["step"]["outputs"]
        if "reward" not in outputs:
            raise ValueError("collocation needs a reward: export the problem with one")
        if "termination" in outputs:
            raise ValueError("collocation cannot plan with a termination, at which the return jumps: export the problem without it")
        self.problem = problem
        self.settings = self.settings_type(**settings)
        self._rates = np.broadcast_to(_rate(self.settings.max_rate), problem.action_size).astype(np.float64)
        self.kinks = kinks(problem)
        self.report: dict[str, Any] = {}
        self._last: NDArray[np.float64] | None = None
        self._made_of: bytes | None = None
        self._transcribe()

    def plan(
        self,
        state: ArrayLike,
        *,
        guess: ArrayLike | None = None,
        previous_action: ArrayLike | None = None,
        elapsed: float = 1.0,
        **inputs: ArrayLike,
    ) -> Plan:
        """Plans from a state [S] with the run-time inputs by name, e.g. ``goal=goal``.

        Of the statuses of :class:`mbrl_fast.Plan` it answers with ``"ok"``, ``"not_converged"`` (``report`` has IPOPT's words), and
        ``"no_finite_candidate"`` when neither its answer nor the guess has a finite return: the guess. The answer is never
        worse than the guess. ``plan.model_steps`` counts evaluations of the defects, not those of derivatives.

        Args:
            guess: knots [H, A] to start from, clipped to the bounds; by default the shifted last plan, or the middle of the bounds.
            previous_action: the last executed action [A], for rewards that ask for it (zeros by default) and for ``max_rate``.
            elapsed: model steps since the last plan, by which it is shifted.
        """
        begin = time.perf_counter()
        self._transcribe()
        start = self._start(guess, elapsed)
        first = self._rates * elapsed * self.problem.dt if previous_action is not None else np.inf
        rates = np.broadcast_to(self._rates * self._knot_seconds, start.shape).copy()
        rates[0] = first
        before = np.zeros(self.problem.action_size) if previous_action is None else np.array(previous_action, np.float64)
        start = self._obeying(start, before, rates)
        value, states = self._evaluated(state, start, previous_action, inputs)  # checks what was given, too
        bounds = self.problem.action_low.astype(np.float64), self.problem.action_high.astype(np.float64)
        found, said = self._nlp.solve(np.asarray(state, np.float64), before, inputs, start, bounds, rates)
        status = "ok" if said["return_status"] in CONVERGED else "not_converged"
        answer = self._obeying(np.where(np.isfinite(found), found, start), before, rates)
        reached, visited = self._evaluated(state, answer, previous_action, inputs)
        if np.isfinite(value) and not reached >= value:
            answer, reached, visited = start, value, states
        if not np.isfinite(reached):
            answer, status = start, "no_finite_candidate"
            reached, visited = value, states
        self._last = answer
        counted: dict[str, Any] = {name: said[name] for name in ("return_status", "iter_count") if name in said}
        self.report = {**counted, "success": bool(said.get("success", False)), "guess_value": value}
        steps = self._steps * self.problem.members * (int(said.get("n_call_nlp_g", 0)) + 3)
        stats = PlanStats(0, steps, 1e3 * (time.perf_counter() - begin))
        return Plan(answer.astype(np.float32), visited, reached, status, stats, self._knot_seconds)

    def reset(self) -> None:
        """Forgets the last plan."""
        self._last = None

    @property
    def _knot_seconds(self) -> float:
        return float(self.settings.steps_per_knot * self.problem.dt)

    @property
    def _steps(self) -> int:
        return self.settings.horizon * self.settings.steps_per_knot

    def _transcribe(self) -> None:
        """Builds the program for the problem's weights, anew after ``problem.update``."""
        if self._made_of is self.problem.bytes:
            return
        s = self.settings
        self._nlp = Transcription(self.problem, s.horizon, s.steps_per_knot, s.discount, s.smoothing, s.ipopt())
        self._made_of = self.problem.bytes

    def _start(self, guess: ArrayLike | None, elapsed: float) -> NDArray[np.float64]:
        """Knots [H, A] to begin with."""
        s, shape = self.settings, (self.settings.horizon, self.problem.action_size)
        if not 0 <= elapsed < np.inf:
            raise ValueError(f"elapsed must be finite and >= 0, got {elapsed}")
        if guess is not None:
            knots = np.array(guess, np.float64)
            if knots.shape != shape or not np.isfinite(knots).all():
                raise ValueError(f"guess must be finite knots of shape {list(shape)}, got shape {list(knots.shape)}")
            return knots
        if self._last is None or not s.warm_start:
            return np.broadcast_to(0.5 * (self.problem.action_low + self.problem.action_high), shape).astype(np.float64)
        return shifted(self._last, elapsed / s.steps_per_knot)

    def _obeying(self, knots: NDArray[np.float64], before: NDArray[np.float64], rates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Within the bounds, and within the rates one knot after the other; IPOPT leaves either by a rounding."""
        low, high = self.problem.action_low, self.problem.action_high
        result = np.clip(knots, low, high)
        for k in range(len(result)):
            last = result[k - 1] if k else before
            result[k] = np.clip(np.clip(result[k], last - rates[k], last + rates[k]), low, high)
        return result

    def _evaluated(
        self, state: ArrayLike, knots: NDArray[np.float64], previous: ArrayLike | None, inputs: Mapping[str, Any]
    ) -> tuple[float, Floats]:
        """The true return and the states [T + 1, S], by the core."""
        s = self.settings
        returns, states = self.problem.rollout(
            state, knots[None].astype(np.float32), steps_per_knot=s.steps_per_knot, discount=s.discount, return_states=True,
            previous_action=previous, **inputs,
        )  # fmt: skip
        return float(returns[0]), states[0]

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.problem, asdict(self.settings), self._last)

    def __repr__(self) -> str:
        s, dt = self.settings, self.problem.dt
        ahead = s.horizon * self._knot_seconds
        variables = s.horizon * self.problem.action_size + self._steps * self.problem.members * self.problem.state_size
        span = f"{s.horizon} knots × {s.steps_per_knot} steps × {dt:g} s = {ahead:.3g} s ahead"
        return f"{type(self).__name__}({span}, {variables:,} variables)"


def shifted(knots: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    """Knots [H, A] moved ahead by so many knots: each is what the old plan does on average in its time; the last one holds on."""
    edges = np.arange(len(knots) + 1.0)
    area = np.concatenate([np.zeros((1, knots.shape[1])), np.cumsum(knots, 0)])

    def until(times: NDArray[np.float64]) -> NDArray[np.float64]:
        held = np.stack([np.interp(times, edges, column) for column in area.T], 1)
        beyond: NDArray[np.float64] = held + np.maximum(times - edges[-1], 0.0)[:, None] * knots[-1]
        return beyond

    return until(edges[1:] + by) - until(edges[:-1] + by)


def _rate(rate: Any) -> NDArray[np.float64]:
    return np.array(np.inf if rate is None else rate, np.float64)


def _made(problem: Problem, settings: dict[str, Any], last: NDArray[np.float64] | None) -> Collocation:
    """For pickle."""
    planner = Collocation(problem, **settings)
    planner._last = last
    return planner
