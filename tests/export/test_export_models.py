"""Modules as people write them export unchanged and give PyTorch's numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from exporting import Linear, NotebookDynamics, check_dynamics, drawn, evaluated, export, in_float64, operations
from torch import Tensor, nn
from torch.distributions import Independent, MultivariateNormal, Normal


class Gru(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(2, 6)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        return self.cell(action, state)


class Lstm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(2, 3)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        return torch.cat(self.cell(action, (state[:, :3], state[:, 3:])), -1)


class GruLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.GRU(2, 6, batch_first=True)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        return self.layer(action.unsqueeze(1), state.unsqueeze(0))[0][:, -1]


class Normalised(nn.Module):
    """Layer norm, batch norm, group norm, GELU, Mish, dropout in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(8, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 16), nn.BatchNorm1d(16), nn.Mish(), nn.Dropout(0.3),
            nn.Linear(16, 16), nn.GroupNorm(4, 16), nn.Hardswish(), nn.Linear(16, 6),
        )  # fmt: skip
        self.eval()

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        return state + self.net(torch.cat([state, action], -1))


class Transformer(nn.Module):
    """An encoder layer over the eight numbers as tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(1, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
        self.out = nn.Linear(64, 6)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        tokens = self.embed(torch.cat([state, action], -1).unsqueeze(-1))
        return state + self.out(self.layer(tokens).flatten(1))


class Bicycle(nn.Module):
    """Kinematic bicycle: x, y, vx, vy, cos, sin with a learnt wheelbase."""

    def __init__(self) -> None:
        super().__init__()
        self.wheelbase = nn.Parameter(torch.tensor(2.5))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        x, y, vx, vy, c, s = state.unbind(-1)
        heading, speed = torch.atan2(s, c), torch.hypot(vx, vy)
        beta = torch.atan(0.5 * torch.tan(action[:, 1].clamp(-0.7, 0.7)))
        x = x + speed * torch.cos(heading + beta) * 0.2
        y = y + speed * torch.sin(heading + beta) * 0.2
        heading = heading + speed * torch.sin(beta) / (self.wheelbase / 2) * 0.2
        speed = speed + action[:, 0] * 0.2
        c, s = torch.cos(heading), torch.sin(heading)
        return torch.stack([x, y, speed * c, speed * s, c, s], 1)


class Buffers(nn.Module):
    """Persistent, non-persistent and plain tensors, an index buffer, and a loop over shapes."""

    index: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.randn(8))
        self.register_buffer("scale", torch.rand(8) + 0.5, persistent=False)
        self.register_buffer("index", torch.tensor([5, 4, 3, 2, 1, 0]))
        self.offset = torch.arange(6) / 5
        self.layer = nn.Linear(8, 6)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        z = (torch.cat([state, action], -1) - self.mean) / self.scale
        out = self.layer(z)[:, self.index]
        return sum((out[:, i : i + 1] * math.sqrt(i + 1) for i in range(out.shape[-1])), torch.zeros(len(state), 6)) + self.offset


class Masks(nn.Module):
    """In-place masks and slices."""

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        y = state.clone()
        y[y > 1] = 1.0
        y[:, 2:4] *= action
        y[:, -1] = 0
        y[..., 0] += action.sum(-1)
        return torch.where(state.isnan(), 0.0, y)


class Einsum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.randn(6, 8, 8) * 0.1)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        xu = torch.cat([state, action], -1)
        return torch.einsum("bi,oij,bj->bo", xu, self.a, xu)


class GaussianProcess(nn.Module):
    """Posterior mean of 40 points."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("points", torch.randn(40, 8))
        self.weights = nn.Parameter(torch.randn(40, 6))
        self.lengths = nn.Parameter(torch.rand(8) + 1)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        xu = torch.cat([state, action], -1)
        distance = ((xu[:, None] - self.points) / self.lengths).square().sum(-1)
        return state + torch.exp(-0.5 * distance) @ self.weights


class Residual(nn.Module):
    """Candidates last, as (W @ x.T).T, without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(6, 8))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        with torch.no_grad():
            return state + (self.w @ torch.cat([state, action], -1).T).T


MODELS = [
    NotebookDynamics, Linear, Gru, Lstm, GruLayer, Normalised, Transformer, Bicycle, Buffers, Masks, Einsum, GaussianProcess,
    Residual,
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_model_gives_its_modules_numbers(model: Any) -> None:
    torch.manual_seed(1)
    module = model()
    check_dynamics(module, export(module))


def test_the_notebooks_network_becomes_linears_without_its_masked_columns() -> None:
    problem = export(NotebookDynamics())
    instructions = problem.graph["programs"]["step"]["instructions"]
    linears = [(len(item["in"][0]), len(item["out"]), item["activation"]) for item in instructions if item["op"] == "linear"]
    assert linears == [(6, 64, "relu"), (64, 36, ""), (6, 64, "relu"), (64, 12, "")]
    assert operations(problem) == ["linear", "linear", "linear", "linear", "dot", "dot", "fma"]


class Gaussian(Linear):
    """Mean and softplus deviation, returned in one of many ways."""

    def __init__(self, how: str) -> None:
        super().__init__(outputs=12)
        self.how = how

    def forward(self, state: Tensor, action: Tensor) -> Any:
        mean, raw = super().forward(state, action).chunk(2, -1)
        std = F.softplus(raw) + 1e-3
        return {
            "a pair": lambda: (mean, std),
            "Normal": lambda: Normal(mean, std),
            "Normal with one deviation": lambda: Normal(mean, std[:, :1]),
            "Independent": lambda: Independent(Normal(mean, std), 1),
            "MultivariateNormal": lambda: MultivariateNormal(mean, torch.diag_embed(std)),
            "scale_tril": lambda: MultivariateNormal(mean, scale_tril=torch.diag_embed(std)),
        }[self.how]()


HOW = ["a pair", "Normal", "Normal with one deviation", "Independent", "MultivariateNormal", "scale_tril"]


@pytest.mark.parametrize("how", HOW)
def test_a_stochastic_model_takes_its_noise_times_the_deviation(how: str) -> None:
    module = Gaussian(how)
    problem = export(module)
    arguments = drawn(problem)
    outputs = evaluated(problem, arguments)
    expected = in_float64(module, arguments["state"], arguments["action"])
    mean, std = expected if how == "a pair" else (expected.mean, expected.stddev)
    torch.testing.assert_close(torch.from_numpy(outputs["std"]), std.expand(-1, 6), rtol=1e-5, atol=1e-6)
    sampled = mean + std * torch.from_numpy(arguments["noise"])
    torch.testing.assert_close(torch.from_numpy(outputs["next_state"]), sampled, rtol=1e-5, atol=1e-5)


def test_a_model_of_one_state_with_a_bare_squeeze_exports() -> None:
    problem = export(lambda x, u: x + u.unsqueeze(-1).squeeze(-1), state_size=1, action_size=1)
    check_dynamics(_Sum(), problem)


class _Sum(nn.Module):
    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        return state + action


def test_float64_buffers_are_rounded_with_a_warning() -> None:
    module = Buffers()
    module.mean = module.mean.double()
    with pytest.warns(UserWarning, match="mean of float64 rounded to float32"):
        problem = export(module)
    check_dynamics(module, problem)
