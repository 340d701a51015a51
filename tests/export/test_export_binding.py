"""Callables are bound by the names of their arguments; sizes come from the environment; inputs are named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from exporting import SIZES, Linear, assert_close, drawn, drift, evaluated, export, operations
from torch import Tensor, nn

import mbrl_fast as mf

WEIGHTS = torch.tensor([1, 0.3, 0, 0, 0.02, 0.02])


def weighted_distance(state: Tensor, goal: Tensor) -> Tensor:
    return -((state - goal).abs() * WEIGHTS).sum(-1).sqrt()


def joined(next_state: Tensor, goal: Tensor) -> Tensor:
    return -torch.cat([next_state, goal], -1).square().sum(-1, keepdim=True)


def unbatched(state: Tensor, obstacles: Tensor) -> Tensor:
    return (state[:, None, :2] - obstacles[None, :, :2]).norm(dim=-1).amin(-1)


def batched(states: Tensor, obstacle: Tensor) -> Tensor:
    return (states[:, None, :2] - obstacle[:, :, :2]).norm(dim=-1).amin(-1)


def test_rewards_see_the_same_inputs_with_and_without_a_batch_axis() -> None:
    inputs = {"obstacles": (10, 3)}
    problems = [export(drift, reward, inputs=inputs) for reward in (unbatched, batched)]
    arguments = drawn(problems[0])
    results = [evaluated(problem, arguments)["reward"] for problem in problems]
    points = arguments["obstacles"].reshape(10, 3)[:, :2].astype(np.float64)
    expected = np.linalg.norm(arguments["state"][:, None, :2] - points, axis=-1).min(1)[:, None]
    for result in results:
        assert_close(result, expected)


def test_a_meaning_that_depends_on_the_batch_axis_is_refused() -> None:
    with pytest.raises(mf.ExportError, match="with and without a leading batch axis"):
        export(drift, lambda state, obstacles: (state[:, 0:1] - obstacles[:, 0]).abs().sum(-1), inputs={"obstacles": (10, 3)})


def test_the_next_state_is_the_dynamics_own_rows() -> None:
    problem = export(Linear(), joined, inputs={"goal": 6})
    assert operations(problem).count("linear") == 1
    arguments = drawn(problem)
    outputs = evaluated(problem, arguments)
    expected = -(outputs["next_state"] ** 2).sum(1) - (arguments["goal"].astype(float) ** 2).sum()
    assert_close(outputs["reward"], expected[:, None])


def test_what_depends_on_inputs_only_is_computed_once_per_plan() -> None:
    problem = export(drift, lambda state, goal: -(state[:, 0] - goal[..., 0].sin() * goal[..., 1]).abs(), inputs={"goal": 6})
    program = problem.graph["programs"]["step"]
    assert [item["op"] for item in program["instructions"][: program["prologue"]]] == ["sin", "mul"]


def test_names_may_be_plural_short_or_only_in_order() -> None:
    def homework(states: Tensor, actions: Tensor) -> Tensor:
        return -states.square().sum(-1) - actions.abs().sum(-1)

    def short(x: Tensor, u: Tensor) -> Tensor:
        return -x.square().sum(-1) - u.abs().sum(-1)

    def ordered(s: Tensor, a: Tensor) -> Tensor:
        return -s.square().sum(-1) - a.abs().sum(-1)

    problems = [export(drift, reward) for reward in (homework, short, ordered)]
    assert len({problem.bytes for problem in problems}) == 1


def test_an_unknown_argument_is_refused_with_the_known_ones() -> None:
    with pytest.raises(mf.ExportError, match="argument gaol is none of state, action, next_state, previous_action, time, goal"):
        export(drift, lambda state, gaol: state[:, 0], inputs={"goal": 6})


def test_arguments_with_defaults_that_are_not_known_keep_them() -> None:
    problem = export(drift, lambda state, weight=2.0: weight * state[:, 0])
    arguments = drawn(problem)
    assert_close(evaluated(problem, arguments)["reward"], 2.0 * arguments["state"][:, :1].astype(np.float64))


def test_per_step_inputs_previous_action_and_time_differ_per_candidate() -> None:
    def reward(state: Tensor, action: Tensor, previous_action: Tensor, reference: Tensor, time: Tensor) -> Tensor:
        return -(state[:, :2] - reference).norm(dim=-1) * torch.exp(-time.abs()) - (action - previous_action).square().sum(-1)

    problem = export(drift, reward, inputs={"reference": ("horizon", 2)})
    kinds = {name: (size, kind) for name, size, kind in problem.graph["programs"]["step"]["arguments"]}
    assert kinds == {
        "state": (6, "lane"), "action": (2, "lane"), "previous_action": (2, "lane"), "time": (1, "lane"), "reference": (2, "lane"),
    }  # fmt: skip
    assert problem.graph["inputs"] == [{"name": "reference", "shape": [2], "per_step": True}]
    a = {name: value.astype(np.float64) for name, value in drawn(problem).items()}
    distance = np.linalg.norm(a["state"][:, :2] - a["reference"], axis=1)
    expected = -distance * np.exp(-np.abs(a["time"][:, 0])) - ((a["action"] - a["previous_action"]) ** 2).sum(1)
    assert_close(evaluated(problem, drawn(problem))["reward"], expected[:, None])


def test_methods_closures_and_callable_objects_export() -> None:
    net = Linear()

    class Cost:
        def __init__(self) -> None:
            self.weights = WEIGHTS

        def __call__(self, state: Tensor) -> Tensor:
            return -(state * self.weights).sum(-1)

    problem = export(lambda state, action: net(state, action), Cost())
    assert_close(evaluated(problem, drawn(problem))["next_state"], evaluated(export(net.forward), drawn(problem))["next_state"])


def test_all_slots_go_into_one_problem() -> None:
    problem = export(
        drift, weighted_distance, inputs={"goal": 6}, observation_size=9,
        termination=lambda state: state[:, 0] > 0.5, terminal_value=lambda state, goal: -(state - goal).abs().sum(-1),
        policy=nn.Linear(6, 2), observe=lambda observation: observation[:, 3:] * 2,
    )  # fmt: skip
    assert set(problem.graph["programs"]) == {"step", "terminal_value", "policy", "observe"}
    arguments = drawn(problem)
    outputs = evaluated(problem, arguments)
    assert_close(outputs["termination"], (outputs["next_state"][:, :1] > 0.5) * 1.0)
    observation = drawn(problem, "observe")
    assert_close(evaluated(problem, observation, "observe")["state"], observation["observation"][:, 3:].astype(np.float64) * 2)
    assert all(error <= 1e-5 for error in problem.verify().values())


class Env:
    """The parts of a Gymnasium environment that export reads."""

    action_space = SimpleNamespace(low=np.float32([-1, -0.5]), high=np.float32([1, 0.5]), shape=(2,))
    observation_space = SimpleNamespace(spaces={"observation": SimpleNamespace(shape=(6,))}, shape=None)
    unwrapped = SimpleNamespace(config={"policy_frequency": 5})


def test_sizes_bounds_and_dt_come_from_the_environment() -> None:
    problem = mf.export(drift, weighted_distance, env=Env(), inputs={"goal": 6})
    assert (problem.state_size, problem.action_size, problem.dt) == (6, 2, pytest.approx(0.2))
    np.testing.assert_array_equal(problem.action_low, np.float32([-1, -0.5]))


def test_given_values_go_before_the_environments() -> None:
    assert mf.export(drift, env=Env(), dt=0.1, action_high=2.0).dt == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dt": None}, "export needs dt"),
        ({"dt": -1.0}, "dt must be a positive"),
        ({"action_low": 1.0, "action_high": -1.0}, "action_low must be < action_high"),
        ({"action_low": [0.0, 0.0, 0.0]}, "action_low must be a finite number or 2 of them"),
        ({"state_size": 0}, "state_size must be a positive integer, got 0"),
        ({"inputs": {"goal": (0,)}}, "shape of input goal"),
        ({"inputs": {"state": 3}}, "an input must be named"),
        ({"state_names": ["x", "y"]}, "state_names must have 6 entries or none, got 2"),
    ],
)
def test_wrong_sizes_and_bounds_are_value_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mf.export(drift, **{**SIZES, **options})
