"""A planning problem as one large sparse program for IPOPT: actions and states are its variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.planners.casadi_program import casadi, translate
from mbrl_fast.problem import Problem

Doubles = NDArray[np.float64]


class Transcription:
    """minimise −return  subject to  x[m, t+1] − f_m(x[m, t], u[t // steps_per_knot]) = 0  and bounds on u.

    The variables are the knots [H, A], which all members share, and each member's states [T, S]. The solver sees the step's exact
    first and second derivatives: the step is one function, mapped over time, so they are generated once.

    Args:
        options: of IPOPT, by name.
    """

    def __init__(
        self, problem: Problem, horizon: int, steps_per_knot: int, discount: float, smoothing: float, options: Mapping[str, Any]
    ) -> None:
        self.package = casadi()
        self.horizon, self.steps, self.members = horizon, horizon * steps_per_knot, problem.members
        self.state_size, self.action_size, self.dt = problem.state_size, problem.action_size, problem.dt
        self.per_step = {name: shape[:1] == ("horizon",) for name, shape in problem.inputs.items()}
        self.members_steps = [translate(problem, "step", member, smoothing) for member in range(problem.members)]
        terminal = "terminal_value" in problem.graph["programs"]
        self.terminals = [translate(problem, "terminal_value", m, smoothing) for m in range(problem.members)] if terminal else []
        self.solver = self._build(problem, steps_per_knot, discount, options)

    def _build(self, problem: Problem, held: int, discount: float, options: Mapping[str, Any]) -> Any:
        MX, T = self.package.MX, self.steps
        start, before = MX.sym("start", self.state_size), MX.sym("before", self.action_size)
        inputs = {name: MX.sym(name, *self._shape(problem, name)) for name in problem.inputs}
        knots = MX.sym("knots", self.action_size, self.horizon)
        states = [MX.sym(f"states{member}", self.state_size, T) for member in range(self.members)]
        actions = knots[:, [t // held for t in range(T)]]
        arguments = {
            "action": actions,
            "previous_action": self.package.horzcat(before, actions[:, :-1]),
            "time": self.dt * self.package.DM(range(T)).T,
            "noise": MX.zeros(self.state_size, T),
            **{name: value if self.per_step[name] else self.package.repmat(value, 1, T) for name, value in inputs.items()},
        }
        discounts = self.package.DM((discount ** np.arange(T)).tolist())
        total, defects = MX(0), []
        for member, reached in enumerate(states):
            step = self.members_steps[member]
            arguments["state"] = self.package.horzcat(start, reached[:, :-1])
            outcome = step.map(T).call({name: arguments[name] for name in step.name_in()})
            defects.append(self.package.vec(outcome["next_state"] - reached))
            total += self.package.mtimes(outcome["reward"], discounts)
            if self.terminals:
                ends = self.terminals[member]
                known = {"state": reached[:, -1], **inputs}
                total += discount**T * ends.call({name: known[name] for name in ends.name_in()})["value"]
        rates = self.package.vec(knots - self.package.horzcat(before, knots[:, :-1]))
        program = {
            "x": self.package.vertcat(*[self.package.vec(each) for each in (knots, *states)]),
            "p": self.package.vertcat(start, before, *[self.package.vec(value) for value in inputs.values()]),
            "f": -total / self.members,
            "g": self.package.vertcat(*defects, rates),
        }
        return self.package.nlpsol("collocation", "ipopt", program, dict(options))

    def _shape(self, problem: Problem, name: str) -> tuple[int, int]:
        sizes = [size for size in problem.inputs[name] if size != "horizon"]
        return int(np.prod(sizes, initial=1)), self.steps if self.per_step[name] else 1

    def solve(
        self,
        state: Doubles,
        before: Doubles,
        inputs: Mapping[str, Any],
        guess: Doubles,
        bounds: tuple[Doubles, Doubles],
        rates: Doubles,
    ) -> tuple[Doubles, dict[str, Any]]:
        """Knots [H, A] and what IPOPT says of them. guess: knots; bounds: of actions [A]; rates: most change [H, A]."""
        values = {name: np.asarray(value, np.float64) for name, value in inputs.items()}
        parameters = np.concatenate([state, before, *[values[name].reshape(-1) for name in self.per_step]])
        visited = self._rolled_out(state, before, values, guess)
        free = np.full(visited.size, np.inf)
        defects = np.zeros(visited.size)
        answer = self.solver(
            x0=np.concatenate([guess.reshape(-1), visited.reshape(-1)]),
            p=parameters,
            lbx=np.concatenate([np.tile(bounds[0], self.horizon), -free]),
            ubx=np.concatenate([np.tile(bounds[1], self.horizon), free]),
            lbg=np.concatenate([defects, -rates.reshape(-1)]),
            ubg=np.concatenate([defects, rates.reshape(-1)]),
        )
        found = np.asarray(answer["x"]).reshape(-1)[: guess.size].reshape(guess.shape)
        return found, self.solver.stats()

    def _rolled_out(self, state: Doubles, before: Doubles, inputs: Mapping[str, Doubles], knots: Doubles) -> Doubles:
        """Each member's states [M, T, S] under the knots: the solver starts where the defects are zero."""
        visited = np.zeros((self.members, self.steps, self.state_size))
        actions = np.repeat(knots, self.steps // self.horizon, axis=0)
        for member, step in enumerate(self.members_steps):
            now, last = state, before
            for t, action in enumerate(actions):
                known = {"state": now, "action": action, "previous_action": last, "time": t * self.dt, "noise": 0 * state}
                known |= {
                    name: value[t].reshape(-1) if self.per_step[name] else value.reshape(-1) for name, value in inputs.items()
                }
                now = np.asarray(step.call({name: known[name] for name in step.name_in()})["next_state"]).reshape(-1)
                visited[member, t], last = np.nan_to_num(now, nan=0.0, posinf=0.0, neginf=0.0), action
        return visited
