"""The models of the bench's problems, beyond the notebook's."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MLP(nn.Module):
    """next_state = state + dt · network(state, action)."""

    def __init__(self, hidden: int, layers: int, outputs: int) -> None:
        super().__init__()
        sizes = [8, *[hidden] * layers]
        body = [module for i in range(layers) for module in (nn.Linear(sizes[i], sizes[i + 1]), nn.SiLU())]
        self.network = nn.Sequential(*body, nn.Linear(hidden, outputs))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """state [N, 6], action [N, 2] -> [N, 6]."""
        change: Tensor = self.network(torch.cat([state, action], -1))
        return state + 0.2 * change


class GaussianMLP(MLP):
    """Mean and std heads on 2×64 SiLU, as one linear."""

    def __init__(self) -> None:
        super().__init__(64, 2, 12)

    def forward(self, state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """state [N, 6], action [N, 2] -> mean and std of the next state, [N, 6] each."""
        change, raw = self.network(torch.cat([state, action], -1)).chunk(2, -1)
        return state + 0.2 * change, 0.02 * nn.functional.softplus(raw) + 1e-3


DRIVE_STEP = 0.05


class DifferentialDrive(nn.Module):
    """A differential-drive robot as nav2's MPPI moves it: commanded speeds within acceleration limits, then the pose by Euler.

    State [x, y, yaw, v, w] (m, m, rad, m/s, rad/s), action [v, w] wanted (m/s, rad/s).
    """

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """state [N, 5], action [N, 2] -> [N, 5]."""
        x, y, yaw, v, w = state.unbind(-1)
        v = v + (action[:, 0] - v).clamp(-3.0 * DRIVE_STEP, 3.0 * DRIVE_STEP)
        w = w + (action[:, 1] - w).clamp(-3.5 * DRIVE_STEP, 3.5 * DRIVE_STEP)
        x = x + DRIVE_STEP * v * torch.cos(yaw)
        y = y + DRIVE_STEP * v * torch.sin(yaw)
        return torch.stack([x, y, yaw + DRIVE_STEP * w, v, w], -1)


def path_and_goal(next_state: Tensor, path: Tensor, goal: Tensor) -> Tensor:
    """Minus the distance to the nearest of the path's points and to the goal, and a little for driving backwards. -> [N]."""
    apart = (next_state[:, None, :2] - path).square().sum(-1).amin(-1)
    away = (next_state[:, :2] - goal).square().sum(-1)
    backwards = (-next_state[:, 3]).clamp_min(0.0)
    return -(5.0 * (apart + 1e-6).sqrt() + (away + 1e-6).sqrt() + backwards)
