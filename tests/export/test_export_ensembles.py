"""Ensembles: a list of modules, a stacked one, a batched one; and new weights for an old graph."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from exporting import Linear, NotebookDynamics, assert_close, check_dynamics, drawn, drift, evaluated, export, in_float64
from torch import Tensor, nn

import mbrl_fast as mf


def test_a_list_of_modules_is_an_ensemble_with_a_weight_set_each() -> None:
    modules = [NotebookDynamics() for _ in range(3)]
    problem = export(modules)
    assert problem.members == 3
    for member, module in enumerate(modules):
        check_dynamics(module, problem, member)


class Batched(nn.Module):
    """Weights [M, in, out] and results [M, B, S]; the same start for all biases, so some stay exactly zero."""

    def __init__(self, members: int = 4, axis: int = 0) -> None:
        super().__init__()
        self.axis = axis
        self.w1 = nn.Parameter(torch.randn(members, 8, 16) * 0.3)
        self.b1 = nn.Parameter(torch.randn(members, 1, 16))
        self.b1.data[1, 0, :5] = 0.0
        self.w2 = nn.Parameter(torch.randn(members, 16, 6) * 0.3)
        self.scale = nn.Parameter(torch.rand(members, 1, 6) + 0.5)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        x = torch.cat([state, action], -1)
        out = state + self.scale * torch.tanh(torch.relu(x @ self.w1 + self.b1) @ self.w2)
        return out.movedim(0, self.axis)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_batched_ensemble_is_merged_into_weight_sets(axis: int) -> None:
    module = Batched(axis=axis)
    problem = export(module, lambda state: state.sum(-1))
    assert problem.members == 4
    assert [len(item["out"]) for item in problem.graph["programs"]["step"]["instructions"] if item["op"] == "linear"] == [16, 6]
    arguments = drawn(problem)
    expected = in_float64(module, arguments["state"], arguments["action"]).movedim(axis, 0).numpy()
    for member in range(4):
        assert_close(evaluated(problem, arguments, member=member)["next_state"], expected[member])


class Stacked(nn.Module):
    """torch.func.stack_module_state and vmap, as its documentation shows."""

    def __init__(self) -> None:
        super().__init__()
        modules = [nn.Sequential(nn.Linear(8, 10), nn.Tanh(), nn.Linear(10, 6)) for _ in range(3)]
        parameters, _ = torch.func.stack_module_state(modules)
        self.names = list(parameters)
        self.stacked = nn.ParameterList(list(parameters.values()))
        self.base = nn.Sequential(nn.Linear(8, 10), nn.Tanh(), nn.Linear(10, 6)).to("meta")

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        def one(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
            return torch.func.functional_call(self.base, parameters, (x,))

        parameters = dict(zip(self.names, self.stacked, strict=True))
        return torch.vmap(one, (0, None))(parameters, torch.cat([state, action], -1))


def test_a_torch_func_ensemble_exports() -> None:
    module = Stacked()
    problem = export(module)
    assert problem.members == 3
    arguments = drawn(problem)
    expected = in_float64(module, arguments["state"], arguments["action"]).numpy()
    for member in range(3):
        assert_close(evaluated(problem, arguments, member=member)["next_state"], expected[member])


def test_a_batched_gaussian_ensemble_has_a_deviation_per_member() -> None:
    module = Batched()
    problem = export(lambda state, action: (module(state, action), module(state, action).exp()))
    assert problem.members == 4
    outputs = evaluated(problem, drawn(problem), member=2)
    assert set(outputs) == {"next_state", "std"}


def test_members_with_different_graphs_are_refused() -> None:
    with pytest.raises(mf.ExportError, match="members of an ensemble must have the same graph"):
        export([NotebookDynamics(hidden_size=32), NotebookDynamics(hidden_size=16)])
    with pytest.raises(mf.ExportError, match=r"same graph.*parameters or buffers"):
        export([NotebookDynamics(dt=0.1), NotebookDynamics(dt=0.2)])


def test_a_batched_ensemble_whose_members_differ_is_refused() -> None:
    with pytest.raises(mf.ExportError, match="members of the ensemble compute different things"):
        export(lambda state, action: torch.stack([state.sin(), state.cos()]))


def test_update_gives_the_bytes_of_a_fresh_export() -> None:
    def reward(state: Tensor, goal: Tensor) -> Tensor:
        return -(state - goal).abs().sum(-1)

    first, second = [[NotebookDynamics() for _ in range(2)] for _ in range(2)]
    problem = export(first, reward, inputs={"goal": 6})
    problem.update(dynamics=second)
    assert problem.bytes == export(second, reward, inputs={"goal": 6}).bytes
    arguments = drawn(problem)
    expected: Tensor = in_float64(second[1], arguments["state"], arguments["action"])
    assert_close(evaluated(problem, arguments, member=1)["next_state"], expected.numpy())


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"dynamics": [Linear()] * 3}, "update keeps the number of members, 1, got 3"),
        ({"reward": drift}, "update replaces dynamics"),
        ({"terminal_value": drift}, "update replaces dynamics"),
    ],
)
def test_update_keeps_members_and_slots(update: dict[str, Any], message: str) -> None:
    problem = export(Linear())
    with pytest.raises(ValueError, match=message):
        problem.update(**update)


def test_update_refuses_another_graph() -> None:
    problem = export(NotebookDynamics(hidden_size=16))
    before = problem.bytes
    with pytest.raises(ValueError, match=r".+"):
        problem.update(dynamics=NotebookDynamics(hidden_size=24))
    assert problem.bytes == before


class Scaled(Linear):
    """A normaliser that starts at mean 0 and deviation 1, as before training."""

    def __init__(self, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((6,), mean))
        self.register_buffer("std", torch.full((6,), std))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        x = (state - self.mean) / self.std
        return state + super().forward(torch.tanh(x), action)


def test_weights_that_happen_to_be_zero_one_or_equal_do_not_shape_the_graph() -> None:
    problem = export(Scaled())
    trained = Scaled(0.3, 2.0)
    trained.mean += torch.arange(6) / 10
    problem.update(dynamics=trained)
    check_dynamics(trained, problem)
    problem.update(dynamics=Scaled())


class Twins(nn.Module):
    """Two copies of one network with biases of zero, as before training."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 6))
        for layer in (self.a[0], self.a[2]):
            nn.init.zeros_(layer.bias)
        self.b = copy.deepcopy(self.a)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        x = torch.cat([state, action], -1)
        return torch.minimum(self.a(x), self.b(x))


def test_copies_of_a_network_may_become_different_networks() -> None:
    problem = export(Twins())
    trained = Twins()
    for parameter in trained.parameters():
        nn.init.normal_(parameter)
    problem.update(dynamics=trained)
    check_dynamics(trained, problem)


def test_members_share_what_is_equal_in_all() -> None:
    problem = export([Linear(), Linear()], lambda state: state[:, 0] * 3.5)
    assert problem.graph["programs"]["step"]["members"] == 2
    arguments = drawn(problem)
    assert_close(evaluated(problem, arguments, member=1)["reward"], arguments["state"][:, :1].astype(np.float64) * 3.5)
