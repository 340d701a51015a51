"""iLQR with limits on the actions in pure PyTorch: the specification of the planner in C++, for one model and knots of one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.autograd.functional import hessian, jacobian

from .planner import Planner

Curvature = Callable[[Tensor, Tensor], Tensor]
"""(state [S], action [A]) -> [S + A, S + A], a positive semidefinite model of the second derivative of -reward."""


class ILQRPlan(NamedTuple):
    """action [A]; actions [H, A]; value: their return; states [H + 1, S]; gains [H, A, S]; values: after every iteration."""

    action: Tensor
    actions: Tensor
    value: float
    states: Tensor
    gains: Tensor
    values: list[float]


def positive_part(matrix: Tensor) -> Tensor:
    """The nearest positive semidefinite matrix: negative eigenvalues become 0."""
    values, vectors = torch.linalg.eigh((matrix + matrix.mT) / 2)
    part: Tensor = vectors @ torch.diag_embed(values.clamp_min(0)) @ vectors.mT
    return part


def box_qp(hessian_: Tensor, slope: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """min ½xᵀHx + slopeᵀx in the box, by trying every set of clamped dimensions. Returns x and which dimensions are free."""
    best, found = torch.inf, (low, torch.zeros(len(low), dtype=torch.bool))
    for sides in torch.cartesian_prod(*[torch.arange(3)] * len(low)).reshape(-1, len(low)):  # 0 free, 1 at low, 2 at high
        free = sides == 0
        x = torch.where(sides == 1, low, high).masked_fill(free, 0.0)
        if free.any():
            x[free] = torch.linalg.solve(hessian_[free][:, free], -(slope[free] + hessian_[free] @ x))
        value = float(x @ (slope + 0.5 * hessian_ @ x))
        if value < best and bool(((x >= low - 1e-12) & (x <= high + 1e-12)).all()):
            best, found = value, (x, free)
    return found


class ILQR(Planner):
    """Settings as of ``mbrl_fast.ILQR``; ``curvature``: see ``Curvature``, the positive part of the true one by default."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **Planner.DEFAULTS, "horizon": 25, "steps_per_knot": 1, "iterations": 10, "step_sizes": 8, "regularisation": 1e-6,
        "tolerance": 1e-4, "curvature": None,
    }  # fmt: skip

    def reset(self) -> None:
        """Forget the last plan."""
        super().reset()
        self.last = self.mid.expand(self.s["horizon"], -1).double()

    def _step(self, x: Tensor, u: Tensor) -> Tensor:
        return self.dynamics[0](x.float()[None], u.float()[None])[0].double()

    def _gain(self, x: Tensor, u: Tensor) -> Tensor:
        """The reward of a step, through the state it leads to."""
        state, action = x.float()[None], u.float()[None]
        known = {"state": state, "action": action, "next_state": self.dynamics[0](state, action), **self.inputs}
        return self.reward(**{name: known[name] for name in self.wanted})[0].double()

    def _curvature(self, x: Tensor, u: Tensor) -> Tensor:
        size = len(x)
        if self.s["curvature"]:
            bend: Tensor = self.s["curvature"](x, u)
            return bend
        return positive_part(hessian(lambda z: -self._gain(z[:size], z[size:]), torch.cat([x, u])))  # type: ignore[no-untyped-call]

    def roll_out(self, state: Tensor, actions: Tensor) -> tuple[Tensor, float]:
        """States [H + 1, S] and the return."""
        states, total = [state], 0.0
        for t, action in enumerate(actions):
            total += self.s["discount"] ** t * float(self._gain(states[-1], action))
            states.append(self._step(states[-1], action))
        return torch.stack(states), total

    def backward(self, states: Tensor, actions: Tensor, regularisation: float) -> tuple[Tensor, Tensor]:
        """Changes [H, A] along the linear model's own deviations, and gains [H, A, S]."""
        size, low, high = states.shape[1], self.low.double(), self.high.double()
        slope, bend = torch.zeros(size).double(), torch.zeros(size, size).double()  # of the cost that is left, by the state
        k, gains, maps = torch.zeros_like(actions), torch.zeros(*actions.shape, size).double(), []
        for t in reversed(range(self.s["horizon"])):
            x, u, factor = states[t], actions[t], self.s["discount"] ** t
            step = torch.cat(jacobian(self._step, (x, u)), 1)  # type: ignore[no-untyped-call]
            q = -factor * torch.cat(jacobian(self._gain, (x, u))) + step.mT @ slope  # type: ignore[no-untyped-call]
            qq = factor * self._curvature(x, u) + step.mT @ bend @ step
            quu, qux = qq[size:, size:], qq[size:, :size]
            k[t], free = box_qp(quu + regularisation * torch.eye(len(u)).double(), q[size:], low - u, high - u)
            if free.any():
                damped = (quu + regularisation * torch.eye(len(u)).double())[free][:, free]
                gains[t][free] = -torch.linalg.solve(damped, qux[free])
            gain = gains[t]
            slope = q[:size] + gain.mT @ (quu @ k[t] + q[size:]) + qux.mT @ k[t]
            bend = qq[:size, :size] + gain.mT @ quu @ gain + gain.mT @ qux + qux.mT @ gain
            maps.append(step)
        changes, deviation = torch.zeros_like(actions), torch.zeros(size).double()
        for t, step in enumerate(reversed(maps)):
            changes[t] = (k[t] + gains[t] @ deviation).clamp(low - actions[t], high - actions[t])
            deviation = step @ torch.cat([deviation, changes[t]])
        return changes, gains

    def plan(self, state: Any, **inputs: Any) -> ILQRPlan:
        """state [S]; inputs: what the reward asks for by name, e.g. goal [S]."""
        s, state = self.s, torch.as_tensor(state).double()
        self.inputs = {name: torch.as_tensor(value, dtype=torch.float32) for name, value in inputs.items()}
        middle = self.mid.expand(s["horizon"], -1)
        actions = (self._shift(self.last.float()) if s["warm_start"] and self.plans > 0 else middle).double()
        (states, value), damping, values = self.roll_out(state, actions), s["regularisation"], list[float]()
        for _ in range(s["iterations"]):
            found = self._improve(state, states, actions, value, damping)
            if found is None:
                break
            gain, (actions, states, value, damping) = found[2] - value, found
            values.append(value)
            damping = max(damping / 10, s["regularisation"])
            if gain <= s["tolerance"] * abs(value - gain):
                break
        self.plans, self.last = self.plans + 1, actions
        return ILQRPlan(actions[0], actions, value, states, self.backward(states, actions, damping)[1], values)

    def _improve(
        self, state: Tensor, states: Tensor, actions: Tensor, value: float, damping: float
    ) -> tuple[Tensor, Tensor, float, float] | None:
        """The best step size's actions, states and return, and the damping that it took; None when nothing is better."""
        while damping <= 1e6:
            changes, _ = self.backward(states, actions, damping)
            tried = [(actions + 0.5**i * changes).clamp(self.low.double(), self.high.double()) for i in range(self.s["step_sizes"])]
            rolled = [self.roll_out(state, each) for each in tried]
            best = max(range(len(tried)), key=lambda i: rolled[i][1])
            if rolled[best][1] > value:
                return tried[best], *rolled[best], damping
            damping *= 10
        return None
