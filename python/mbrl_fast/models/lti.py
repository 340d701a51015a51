"""The LTI-inspired network of highway-env's model-based parking notebook."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LTI(nn.Module):
    """x' = x + dt·(A(x,u) x + B(x,u) u), where A and B are the outputs of two ReLU networks.

    The notebook's model is ``LTI(6, 2)``. Its networks do not see the position, yet A still multiplies it, so position leaks
    into the prediction through A's first columns; ``position_columns=False`` leaves those out, and the model is the same
    everywhere on the ground.

    Args:
        state_size: S; its first ``position_size`` entries are positions. action_size: A.
        hidden_size: units per hidden layer; layers: hidden layers of each network; dt: seconds per step.
        position_size: how many leading entries of the state the networks do not see (0: they see all).
        position_columns: whether A has columns for those entries.

    Source: HighwayEnv, scripts/parking_model_based.ipynb.
    """

    def __init__(
        self,
        state_size: int = 6,
        action_size: int = 2,
        hidden_size: int = 64,
        layers: int = 1,
        dt: float = 0.2,
        position_size: int = 2,
        position_columns: bool = True,
    ) -> None:
        super().__init__()
        sizes = {"state_size": state_size, "action_size": action_size, "hidden_size": hidden_size, "layers": layers}
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {name}={value}")
        if not 0 <= position_size < state_size:
            raise ValueError(
                f"position_size must be in [0, {state_size}) of state_size={state_size}, got position_size={position_size}"
            )
        self.state_size, self.action_size, self.dt = state_size, action_size, dt
        self.seen_from = position_size
        self.columns_from = 0 if position_columns else position_size
        seen = state_size - position_size + action_size
        self.a_net = _network(seen, hidden_size, layers, state_size * (state_size - self.columns_from))
        self.b_net = _network(seen, hidden_size, layers, state_size * action_size)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """state [..., S], action [..., A] -> next_state [..., S]."""
        seen = torch.cat([state[..., self.seen_from :], action], dim=-1)
        a = self.a_net(seen).unflatten(-1, (self.state_size, self.state_size - self.columns_from))
        b = self.b_net(seen).unflatten(-1, (self.state_size, self.action_size))
        change = (a * state[..., None, self.columns_from :]).sum(-1) + (b * action[..., None, :]).sum(-1)
        next_state: Tensor = state + self.dt * change
        return next_state


def _network(inputs: int, hidden_size: int, layers: int, outputs: int) -> nn.Sequential:
    """Linear, then ``layers`` times ReLU and Linear."""
    sizes = [inputs] + [hidden_size] * layers
    hidden = [module for i in range(layers) for module in (nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(hidden_size, outputs))
