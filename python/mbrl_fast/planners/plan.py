"""What planning answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PlanStats:
    """What a plan took.

    Attributes:
        tiles: blocks of candidates that count towards the answer; ``max_tiles=tiles`` repeats a plan that was cut off.
        model_steps: candidates × model steps × trajectories that were computed.
        milliseconds: from the call of ``plan`` to the answer; of a row of a batch, from the beginning of that row.
    """

    tiles: int
    model_steps: int
    milliseconds: float


@dataclass(frozen=True)
class Iteration:
    """One iteration of a plan that was traced, with ``n`` candidates.

    Attributes:
        actions: of each candidate, ``[n, H, A]``, rows as of ``Plan.actions``.
        returns: ``[n]``; −inf where a candidate could no longer become an elite and was left.
        elites: indices of the best, best first.
        mean, std: of the knots ``[horizon, A]``, from which the candidates were drawn.
    """

    actions: Floats
    returns: Floats
    elites: list[int]
    mean: Floats
    std: Floats


@dataclass(frozen=True)
class Plan:
    """One decision.

    ``status`` says where it comes from, from best to worst; this is the list of all there are:

    * ``"ok"``: every iteration ran, or the planner saw that it had converged;
    * ``"not_converged"``: of :class:`mbrl_fast.Collocation` alone: its solver gave up or came to its last iteration; the better of
      what it had and what it began with;
    * ``"deadline"``: cut off; the best candidate evaluated so far;
    * ``"no_finite_candidate"``: no candidate had a finite return; the shifted last plan, or the middle of the bounds;
    * ``"shifted"``: there was no time to evaluate anything; the shifted last plan;
    * ``"safe"``: likewise, and there is no last plan; the middle of the bounds.

    Attributes:
        actions: the chosen actions ``[H, A]``, each held for ``knot_seconds``: the knots themselves, H = ``horizon``, where knots
            are held equally long; with another ``interpolation`` or ``knot_growth`` one action for each model step, H = T =
            ``horizon * steps_per_knot``.
        states: where the model says they lead, ``[T + 1, S]``, the mean over the trajectories; row 0 is where the plan
            begins. ``[0, S]`` when there was no time for them.
        value: the return of ``actions`` under the model; NaN when they were not evaluated.
        status: see above.
        stats: what it took.
        knot_seconds: how long a row of ``actions`` is held: ``steps_per_knot * dt``, or ``dt`` where knots are expanded.
        begins_at: seconds from the state to the first action: the ``delay`` that was asked for.
        trace: the iterations, if the plan was traced.
        gains: ``[H, A, S]`` of planners that know how the best action changes with the state, to first order; else None.
        bounds: of the actions, ``([A], [A])``, where there are gains.
        particle_returns: the return of ``actions`` in each trajectory, ``[particles]`` or ``[members]``, those of a member side by
            side; None where there are no states.
        members: among which the trajectories are divided; None where a trajectory belongs to no member (propagation "ts1").
    """

    actions: Floats
    states: Floats
    value: float
    status: str
    stats: PlanStats
    knot_seconds: float
    begins_at: float = 0.0
    trace: tuple[Iteration, ...] | None = None
    gains: Floats | None = None
    bounds: tuple[Floats, Floats] | None = None
    particle_returns: Floats | None = None
    members: int | None = None

    @property
    def within(self) -> float:
        """√(mean over the members of the variance of a member's particles), in units of return: chance. NaN if unknown."""
        grouped = self._by_member()
        return float("nan") if grouped is None else float(np.sqrt(grouped.var(1).mean()))

    @property
    def between(self) -> float:
        """Std over the members of their mean returns: what the models do not know. NaN if unknown."""
        grouped = self._by_member()
        return float("nan") if grouped is None else float(grouped.mean(1).std())

    def _by_member(self) -> NDArray[np.float64] | None:
        if self.particle_returns is None or self.members is None:
            return None
        return self.particle_returns.astype(np.float64).reshape(self.members, -1)

    @property
    def action(self) -> Floats:
        """The action to send now, ``[A]``."""
        first: Floats = self.actions[0]
        return first

    @property
    def horizon(self) -> str:
        """How far it looks, in words: seconds and model steps."""
        seconds = f"{len(self.actions) * self.knot_seconds:.4g} s"
        return f"{seconds} = {len(self.states) - 1} model steps ahead" if len(self.states) else f"{seconds} ahead"

    @property
    def model_steps(self) -> int:
        """Candidates × model steps × trajectories that were computed."""
        return self.stats.model_steps

    def action_at(self, seconds: float, state: ArrayLike | None = None) -> Floats:
        """The action ``[A]`` to send so many seconds after the state was measured; past the plan's end the last one.

        It takes effect ``begins_at`` seconds later, as the plan foresees. With a ``state`` ``[S]``, where the system is when the
        action takes effect, a plan with ``gains`` answers to it: ``action + gain · (state − planned state)``, within the
        bounds. So an inner loop can act between two plans.

        Raises ValueError for a state when the plan has no gains, of another shape, or not finite.
        """
        if not seconds >= 0:
            raise ValueError(f"seconds must be >= 0, got {seconds}")
        knot = int(min(seconds / self.knot_seconds + 1e-9, len(self.actions) - 1))
        action: Floats = self.actions[knot]
        return action if state is None else self._answer_to(state, action, knot, seconds)

    def _answer_to(self, state: ArrayLike, action: Floats, knot: int, seconds: float) -> Floats:
        if self.gains is None or self.bounds is None or len(self.states) == 0:
            raise ValueError("a plan answers to a state only if its planner computes gains, as ILQR does, and had time for it")
        given = np.asarray(state, np.float32)
        if given.shape != self.states.shape[1:] or not np.isfinite(given).all():
            raise ValueError(f"state must be {self.states.shape[1]} finite numbers, got {np.array2string(given, threshold=10)}")
        step = min(seconds / self.knot_seconds * (len(self.states) - 1) / len(self.actions), len(self.states) - 1.0)
        before = min(int(step), len(self.states) - 2)
        planned = self.states[before] + np.float32(step - before) * (self.states[before + 1] - self.states[before])
        low, high = self.bounds
        answer: Floats = np.clip(action + self.gains[knot] @ (given - planned), low, high).astype(np.float32)
        return answer

    def __repr__(self) -> str:
        action = ", ".join(f"{u:.3g}" for u in self.action)
        return f"Plan(action [{action}], value {self.value:.4g}, {self.horizon}, status {self.status})"

    def _repr_html_(self) -> str:
        from mbrl_fast.report.cards import plan_card

        return plan_card(self)


@dataclass(frozen=True)
class PlanBatch:
    """Decisions for ``B`` starts: actions ``[B, H, A]``, states ``[B, T + 1, S]``, values ``[B]``, statuses ``B`` words.

    The states of a row that had no time for them are NaN. ``stats`` has one entry a row.
    """

    actions: Floats
    states: Floats
    values: Floats
    statuses: list[str]
    stats: list[PlanStats]
    knot_seconds: float
    begins_at: float = 0.0

    @property
    def action(self) -> Floats:
        """The actions to send now, ``[B, A]``."""
        return self.actions[:, 0]

    @property
    def model_steps(self) -> int:
        """Candidates × model steps × trajectories that were computed, over all rows."""
        return sum(row.model_steps for row in self.stats)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, row: int) -> Plan:
        states = self.states[row]
        if np.isnan(states[0]).any():  # a start is finite: there was no time
            states = states[:0]
        return Plan(
            self.actions[row],
            states,
            float(self.values[row]),
            self.statuses[row],
            self.stats[row],
            self.knot_seconds,
            self.begins_at,
        )
