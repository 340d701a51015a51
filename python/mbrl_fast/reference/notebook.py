"""highway-env's model-based parking notebook in PyTorch: the baseline that every figure of this project is set beside.

The same operations in the same order as scripts/parking_model_based.ipynb of HighwayEnv: the network, its training on the whole
data set, and the planner, which rolls out with autograd switched on, starts anew at every step and returns the mean of the first
knot. What it took from global variables are arguments here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Model = Callable[[Tensor, Tensor], Tensor]
REWARD_WEIGHTS = (1.0, 0.3, 0.0, 0.0, 0.02, 0.02)


class DynamicsModel(nn.Module):
    """The notebook's network, in-place mask and ``squeeze`` and all (``models.LTI`` is the same model, written to be batched)."""

    STATE_X = 0
    STATE_Y = 1

    def __init__(self, state_size: int = 6, action_size: int = 2, hidden_size: int = 64, dt: float = 0.2) -> None:
        super().__init__()
        self.state_size, self.action_size, self.dt = state_size, action_size, dt
        self.A1 = nn.Linear(state_size + action_size, hidden_size)
        self.A2 = nn.Linear(hidden_size, state_size * state_size)
        self.B1 = nn.Linear(state_size + action_size, hidden_size)
        self.B2 = nn.Linear(hidden_size, state_size * action_size)

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        """x [N, S], u [N, A] -> the next x [N, S]."""
        xu = torch.cat((x, u), -1)
        xu[:, self.STATE_X : self.STATE_Y + 1] = 0  # the networks do not see the position
        A = torch.reshape(self.A2(torch.relu(self.A1(xu))), (x.shape[0], self.state_size, self.state_size))
        B = torch.reshape(self.B2(torch.relu(self.B1(xu))), (x.shape[0], self.state_size, self.action_size))
        dx = A @ x.unsqueeze(-1) + B @ u.unsqueeze(-1)
        return x + dx.squeeze() * self.dt


def predict_trajectory(state: Tensor, actions: Tensor, model: Model, action_repeat: int = 1) -> Tensor:
    """state [N, S], actions [H, N, A] -> states [H·action_repeat, N, S]."""
    states = []
    for action in actions:
        for _ in range(action_repeat):
            state = model(state, action)
            states.append(state)
    return torch.stack(states, dim=0)


def reward_model(states: Tensor, goal: Tensor) -> Tensor:
    """states [..., S], goal [S] -> [...], the environment's reward without its crash term."""
    difference = (states - goal.expand(states.shape)) * torch.tensor(REWARD_WEIGHTS)
    return -torch.pow(torch.norm(difference, p=1, dim=-1), 0.5)


def cem_planner(
    model: Model, state: Tensor, goal: Tensor, action_size: int = 2, horizon: int = 5, population: int = 100, selection: int = 10,
    iterations: int = 5,
) -> Tensor:  # fmt: skip
    """The notebook's planner. state [S], goal [S] -> the first action [A].

    Autograd is on, as there: every rollout builds its graph in vain.
    """
    state = state.expand(population, -1)
    action_mean = torch.zeros(horizon, 1, action_size)
    action_std = torch.ones(horizon, 1, action_size)
    for _ in range(iterations):
        actions = action_mean + action_std * torch.randn(horizon, population, action_size)
        actions = torch.clamp(actions, min=-1.0, max=1.0)
        states = predict_trajectory(state, actions, model, action_repeat=5)
        returns = reward_model(states, goal).sum(dim=0)
        _, best = returns.topk(selection, largest=True, sorted=False)
        best_actions = actions[:, best, :]
        action_mean = best_actions.mean(dim=1, keepdim=True)
        action_std = best_actions.std(dim=1, unbiased=False, keepdim=True)
    return action_mean[0].squeeze(dim=0)


def train_notebook_model(
    states: Tensor, actions: Tensor, next_states: Tensor, epochs: int = 1500, seed: int = 0, learning_rate: float = 0.01
) -> DynamicsModel:
    """The notebook's training: full-batch Adam on all of the data (its validation part included), mean squared error."""
    torch.manual_seed(seed)
    model = DynamicsModel(states.shape[-1], actions.shape[-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    for _ in range(epochs):
        loss = nn.functional.mse_loss(model(states, actions), next_states)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return model
