"""Exports small Problems and compares them with their modules: by the core, and by the interpreter."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from interpreter import Interpreter
from torch import Tensor, nn

import mbrl_fast as mf

SIZES: dict[str, Any] = {"state_size": 6, "action_size": 2, "action_low": -1.0, "action_high": 1.0, "dt": 0.2}


def export(dynamics: Any, reward: Any = None, **options: Any) -> mf.Problem:
    """An export with sizes 6 and 2 unless told otherwise."""
    return mf.export(dynamics, reward, **{**SIZES, **options})


def drawn(problem: mf.Problem, program: str = "step", count: int = 29, seed: int = 5) -> dict[str, np.ndarray]:
    """Random arguments of a Program."""
    generator = np.random.default_rng(seed)
    arguments = problem.graph["programs"][program]["arguments"]
    shapes = {name: (count, size) if kind == "lane" else (size,) for name, size, kind in arguments}
    return {name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def evaluated(problem: mf.Problem, arguments: dict[str, np.ndarray], program: str = "step", member: int = 0) -> dict[str, Any]:
    """Outputs of the interpreter, after checking that the core gives the same to float32 accuracy."""
    expected = Interpreter(problem.bytes).evaluate(program, arguments, member)
    got = problem._core.evaluate(program, arguments, member)
    for name, value in expected.items():
        assert_close(np.broadcast_to(got[name], value.shape), value, name)
    return expected


def assert_close(got: np.ndarray, expected: np.ndarray, name: str = "") -> None:
    """Within 1e-5 of the largest expected value."""
    assert got.shape == expected.shape, (name, got.shape, expected.shape)
    error = np.abs(np.asarray(got, np.float64) - expected).max()
    assert error <= 1e-5 * np.abs(expected).max() + 1e-30, (name, error)


def in_float64(module: nn.Module, *arguments: np.ndarray) -> Any:
    """What the module gives in float64."""
    tensors = [torch.from_numpy(argument.astype(np.float64)) for argument in arguments]
    with torch.no_grad():
        return copy.deepcopy(module).double()(*tensors)


def check_dynamics(module: nn.Module, problem: mf.Problem, member: int = 0) -> None:
    """Next states of a deterministic module with arguments state and action, batches of 1 and 29."""
    for count in (1, 29):
        arguments = drawn(problem, count=count)
        expected: Tensor = in_float64(module, arguments["state"], arguments["action"])
        assert_close(evaluated(problem, arguments, member=member)["next_state"], expected.numpy())


def operations(problem: mf.Problem, program: str = "step") -> list[str]:
    """Names of the instructions."""
    return [item["op"] for item in problem.graph["programs"][program]["instructions"]]


class NotebookDynamics(nn.Module):
    """The DynamicsModel of the highway-env parking notebook, unchanged: bare squeeze, in-place mask, lower-case x and u."""

    STATE_X = 0
    STATE_Y = 1

    def __init__(self, state_size: int = 6, action_size: int = 2, hidden_size: int = 64, dt: float = 0.2) -> None:
        super().__init__()
        self.state_size, self.action_size, self.dt = state_size, action_size, dt
        A_size, B_size = state_size * state_size, state_size * action_size
        self.A1 = nn.Linear(state_size + action_size, hidden_size)
        self.A2 = nn.Linear(hidden_size, A_size)
        self.B1 = nn.Linear(state_size + action_size, hidden_size)
        self.B2 = nn.Linear(hidden_size, B_size)

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        """Predict x_{t+1} = f(x_t, u_t)."""
        xu = torch.cat((x, u), -1)
        xu[:, self.STATE_X : self.STATE_Y + 1] = 0  # Remove dependency in (x, y)
        A = self.A2(torch.nn.functional.relu(self.A1(xu)))
        A = torch.reshape(A, (x.shape[0], self.state_size, self.state_size))
        B = self.B2(torch.nn.functional.relu(self.B1(xu)))
        B = torch.reshape(B, (x.shape[0], self.state_size, self.action_size))
        dx = A @ x.unsqueeze(-1) + B @ u.unsqueeze(-1)
        return x + dx.squeeze() * self.dt


class Linear(nn.Module):
    """x + W [x, u]: the smallest model."""

    def __init__(self, outputs: int = 6) -> None:
        super().__init__()
        self.layer = nn.Linear(8, outputs)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """[B, 6], [B, 2] → [B, outputs]."""
        return self.layer(torch.cat([state, action], -1))


def drift(state: Tensor, action: Tensor) -> Tensor:
    """Dynamics without parameters."""
    return state + 0.1 * torch.nn.functional.pad(action, (0, 4))
