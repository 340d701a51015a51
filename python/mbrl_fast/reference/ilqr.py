"""iLQR with limits on the actions in pure PyTorch: the specification of the planner in C++, for one model and knots of one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.functional import hessian, jacobian

Step = Callable[[Tensor, Tensor], Tensor]
"""(state [S], action [A]) -> next_state [S], or reward [] of the same."""


class ILQRPlan(NamedTuple):
    """actions [H, A]; states [H + 1, S]; gains [H, A, S]; value: the return of the actions; values: after every iteration."""

    actions: Tensor
    states: Tensor
    gains: Tensor
    value: float
    values: list[float]


def positive_part(matrix: Tensor) -> Tensor:
    """The nearest positive semidefinite matrix: negative eigenvalues become 0."""
    values, vectors = torch.linalg.eigh((matrix + matrix.mT) / 2)
    return vectors @ torch.diag_embed(values.clamp_min(0)) @ vectors.mT


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


class ILQR:
    """Settings as of ``mbrl_fast.ILQR``.

    Args:
        dynamics, reward: see ``Step``; the reward of a state, an action and where it leads. action_low, action_high: [A].
        curvature: (state, action) -> [S + A, S + A], a positive semidefinite model of the second derivative of −reward; the
            positive part of the true one by default.
    """

    def __init__(
        self, dynamics: Step, reward: Step, action_low: Tensor, action_high: Tensor, *, horizon: int, iterations: int = 10,
        step_sizes: int = 8, regularisation: float = 1e-6, tolerance: float = 1e-4, discount: float = 1.0,
        curvature: Step | None = None,
    ) -> None:  # fmt: skip
        self.dynamics, self.reward, self.low, self.high = dynamics, reward, action_low.double(), action_high.double()
        self.horizon, self.iterations, self.discount, self.tolerance = horizon, iterations, discount, tolerance
        self.sizes, self.least = [0.5**i for i in range(step_sizes)], regularisation
        self.curvature = curvature or self._true_curvature

    def _true_curvature(self, state: Tensor, action: Tensor) -> Tensor:
        size = len(state)
        return positive_part(hessian(lambda z: -self.reward(z[:size], z[size:]), torch.cat([state, action])))

    def roll_out(self, state: Tensor, actions: Tensor) -> tuple[Tensor, float]:
        """States [H + 1, S] and the return."""
        states, total = [state], 0.0
        for t, action in enumerate(actions):
            total += self.discount**t * float(self.reward(states[-1], action))
            states.append(self.dynamics(states[-1], action))
        return torch.stack(states), total

    def backward(self, states: Tensor, actions: Tensor, regularisation: float) -> tuple[Tensor, Tensor]:
        """Changes [H, A] along the linear model's own deviations, and gains [H, A, S]."""
        size = states.shape[1]
        slope, bend = torch.zeros(size).double(), torch.zeros(size, size).double()  # of the cost that is left, by the state
        k, gains, maps = torch.zeros_like(actions), torch.zeros(*actions.shape, size).double(), []
        for t in reversed(range(self.horizon)):
            x, u, factor = states[t], actions[t], self.discount**t
            step = torch.cat(jacobian(self.dynamics, (x, u)), 1)
            q = -factor * torch.cat(jacobian(self.reward, (x, u))) + step.mT @ slope
            qq = factor * self.curvature(x, u) + step.mT @ bend @ step
            quu, qux = qq[size:, size:], qq[size:, :size]
            k[t], free = box_qp(quu + regularisation * torch.eye(len(u)).double(), q[size:], self.low - u, self.high - u)
            if free.any():
                damped = (quu + regularisation * torch.eye(len(u)).double())[free][:, free]
                gains[t][free] = -torch.linalg.solve(damped, qux[free])
            gain = gains[t]
            slope = q[:size] + gain.mT @ (quu @ k[t] + q[size:]) + qux.mT @ k[t]
            bend = qq[:size, :size] + gain.mT @ quu @ gain + gain.mT @ qux + qux.mT @ gain
            maps.append(step)
        changes, deviation = torch.zeros_like(actions), torch.zeros(size).double()
        for t, step in enumerate(reversed(maps)):
            changes[t] = (k[t] + gains[t] @ deviation).clamp(self.low - actions[t], self.high - actions[t])
            deviation = step @ torch.cat([deviation, changes[t]])
        return changes, gains

    def plan(self, state: Any, actions: Any = None) -> ILQRPlan:
        """state [S]; actions [H, A] to begin with, the middle of the bounds by default."""
        state = torch.as_tensor(state).double()
        middle = ((self.low + self.high) / 2).expand(self.horizon, -1)
        actions = middle.clone() if actions is None else torch.as_tensor(actions).double()
        (states, value), damping, values = self.roll_out(state, actions), self.least, []
        for _ in range(self.iterations):
            while damping <= 1e6:
                changes, _ = self.backward(states, actions, damping)
                tried = [(actions + size * changes).clamp(self.low, self.high) for size in self.sizes]
                rolled = [self.roll_out(state, each) for each in tried]
                best = max(range(len(tried)), key=lambda i: rolled[i][1])
                if rolled[best][1] > value:
                    break
                damping *= 10
            else:
                break
            gain, actions, (states, value) = rolled[best][1] - value, tried[best], rolled[best]
            values.append(value)
            damping = max(damping / 10, self.least)
            if gain <= self.tolerance * abs(value):
                break
        return ILQRPlan(actions, states, self.backward(states, actions, damping)[1], value, values)
