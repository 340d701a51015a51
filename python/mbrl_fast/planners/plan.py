"""What planning answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """One decision.

    Attributes:
        actions: the chosen knots ``[H, A]``, each held for ``steps_per_knot`` model steps of ``dt`` seconds.
        states: where the model says they lead, ``[H * steps_per_knot + 1, S]``, the mean over the members; row 0 is the start.
        value: the return of ``actions`` under the model.
        status: ``"ok"``, or ``"no_finite_candidate"``: no candidate had a finite return and ``actions`` is the shifted last plan.
        model_steps: candidates × model steps × members that were computed.
        knot_seconds: how long an action is held.
    """

    actions: Floats
    states: Floats
    value: float
    status: str
    model_steps: int
    knot_seconds: float

    @property
    def action(self) -> Floats:
        """The action to execute now, ``[A]``."""
        first: Floats = self.actions[0]
        return first

    def action_at(self, seconds: float) -> Floats:
        """The planned action ``[A]`` at a time after the plan began; past its end the last one."""
        if not seconds >= 0:
            raise ValueError(f"seconds must be >= 0, got {seconds}")
        knot = int(min(seconds / self.knot_seconds + 1e-9, len(self.actions) - 1))
        action: Floats = self.actions[knot]
        return action

    def __repr__(self) -> str:
        action = ", ".join(f"{u:.3g}" for u in self.action)
        seconds = len(self.actions) * self.knot_seconds
        return f"Plan(action [{action}], value {self.value:.4g}, {seconds:g} s ahead, status {self.status})"


@dataclass(frozen=True)
class PlanBatch:
    """Decisions for ``B`` starts: actions ``[B, H, A]``, states ``[B, T + 1, S]``, values ``[B]``, statuses ``B`` words."""

    actions: Floats
    states: Floats
    values: Floats
    statuses: list[str]
    model_steps: int
    knot_seconds: float

    @property
    def action(self) -> Floats:
        """The actions to execute now, ``[B, A]``."""
        return self.actions[:, 0]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, row: int) -> Plan:
        steps = self.model_steps // max(len(self), 1)
        return Plan(self.actions[row], self.states[row], float(self.values[row]), self.statuses[row], steps, self.knot_seconds)
