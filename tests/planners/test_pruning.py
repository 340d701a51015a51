"""Bounds of rewards, declared and derived; and plans that pruning by them leaves as they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import mbrl_fast as mf
from mbrl_fast.rewards import GoalDistance, ParkingReward

SIZES: dict[str, Any] = {"state_size": 2, "action_size": 1, "action_low": -1.0, "action_high": 1.0, "dt": 0.1}


class Glide(nn.Module):
    """Speed follows the action, the position the speed; members differ in their drag."""

    def __init__(self, drag: float) -> None:
        super().__init__()
        self.register_buffer("keep", torch.tensor(1.0 - drag))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """[N, 2], [N, 1] -> [N, 2]."""
        return torch.stack([state[:, 0] + 0.3 * state[:, 1], self.keep * state[:, 1] + 0.3 * action[:, 0]], -1)


def glide(state: Tensor, action: Tensor) -> Tensor:
    """Speed follows the action, the position the speed."""
    return torch.stack([state[:, 0] + 0.3 * state[:, 1], 0.9 * state[:, 1] + 0.3 * action[:, 0]], -1)


@pytest.mark.parametrize(
    ("reward", "bound"),
    [
        (lambda next_state: -next_state.square().sum(-1), 0.0),
        (lambda next_state: -next_state.abs().sum(-1).sqrt(), 0.0),
        (lambda next_state, action: -(next_state**2).sum(-1) - 0.1 * (action**2).sum(-1), 0.0),
        (lambda next_state: -(next_state.square() @ torch.tensor([1.0, 0.5])), 0.0),
        (lambda next_state: -(torch.tensor([2.0, 0.5]) * next_state * next_state).sum(-1), 0.0),
        (lambda next_state: torch.exp(-next_state.square().sum(-1)), 1.0),
        (lambda next_state: torch.tanh(next_state[:, 0]) - 2, -1.0),
        (lambda next_state: torch.cos(next_state[:, 0]) - next_state[:, 1].abs(), 1.0),
        (lambda next_state: torch.where(next_state[:, 0].abs() < 0.1, 5.0, -1.0), 5.0),
        (lambda action: 2 * action[:, 0] + 1, 3.0),
        (lambda next_state: 1 / (1 + next_state.norm(dim=-1)), 1.0),
        (lambda next_state: next_state.sum(-1).clamp(max=0.25), 0.25),
        (lambda next_state: next_state.sum(-1), math.inf),
    ],
)
def test_a_bound_is_derived(reward: Any, bound: float) -> None:
    derived = mf.export(glide, reward, **SIZES).reward_bound
    assert derived == bound or bound <= derived <= bound + 2e-5 * abs(bound)


def test_the_rewards_of_this_package_are_bounded() -> None:
    sizes = {**SIZES, "state_size": 6, "action_size": 2, "inputs": {"goal": 6}}
    for reward in (GoalDistance(), GoalDistance(power=1.0), GoalDistance(power=0.7), ParkingReward()):
        assert mf.export(lambda state, action: state, reward, **sizes).reward_bound <= 0.0


def test_a_declared_bound_is_kept_by_file_copy_and_update() -> None:
    def reward(next_state: Tensor) -> Tensor:
        return 0.001 * next_state.sum(-1)

    assert math.isinf(mf.export(glide, reward, **SIZES).reward_bound)
    problem = mf.export(glide, reward, **SIZES, reward_bound=1)
    assert 1.0 <= problem.reward_bound <= 1.0001
    assert mf.Problem(problem.bytes).reward_bound == problem.reward_bound
    problem.update(dynamics=glide)
    assert 1.0 <= problem.reward_bound <= 1.0001


def test_a_derived_bound_wins_where_it_is_lower() -> None:
    problem = mf.export(glide, lambda next_state: -next_state.square().sum(-1), **SIZES, reward_bound=7.0)
    assert problem.reward_bound == 0.0


@pytest.mark.parametrize("bound", [math.inf, math.nan, "0", True])
def test_a_declared_bound_must_be_a_finite_number(bound: Any) -> None:
    with pytest.raises(ValueError, match="reward_bound must be a finite number, got "):
        mf.export(glide, lambda next_state: next_state.sum(-1), **SIZES, reward_bound=bound)


def test_a_declared_bound_needs_a_reward_and_must_not_be_exceeded() -> None:
    with pytest.raises(ValueError, match="reward_bound needs a reward"):
        mf.export(glide, **SIZES, reward_bound=0.0)
    with pytest.raises(ValueError, match=r"reward_bound must be no less than any reward, got 0, and a reward of [0-9.]+ was found"):
        mf.export(glide, lambda next_state: next_state.sum(-1), **SIZES, reward_bound=0.0)


PARTS: dict[str, Any] = {
    "distance": lambda next_state: -next_state.abs().sum(-1),
    "near": lambda next_state: torch.exp(-next_state.square().sum(-1)),
    "cost": lambda next_state, action: -1 - next_state.square().sum(-1) - 0.1 * action.square().sum(-1),
    "value": lambda state: -3 * state[:, 0].abs(),
    "prize": lambda state: 2 * torch.sigmoid(state[:, 0]),
    "far": lambda next_state: next_state[:, 0].abs() > 0.5,
}
PROBLEMS: dict[tuple[str, str | None, str | None], mf.Problem] = {}


def problem_of(reward: str, terminal: str | None, ending: str | None) -> mf.Problem:
    """Exported once each."""
    key = (reward, terminal, ending)
    if key not in PROBLEMS:
        slots = {"terminal_value": PARTS[terminal] if terminal else None, "termination": PARTS[ending] if ending else None}
        PROBLEMS[key] = mf.export(glide, PARTS[reward], **SIZES, **slots)
    return PROBLEMS[key]


@settings(max_examples=60, deadline=None)
@given(
    reward=st.sampled_from(["distance", "near", "cost"]),
    terminal=st.sampled_from([None, "value", "prize"]),
    ending=st.sampled_from([None, "far"]),
    population=st.integers(40, 400),
    elites=st.integers(1, 40),
    horizon=st.integers(1, 12),
    knot=st.integers(1, 3),
    discount=st.floats(0.5, 1.0),
    threads=st.integers(1, 2),
    seed=st.integers(0, 1000),
)
def test_pruning_changes_no_bit_of_a_plan(
    reward: str, terminal: str | None, ending: str | None, population: int, elites: int, horizon: int, knot: int,
    discount: float, threads: int, seed: int,
) -> None:  # fmt: skip
    problem = problem_of(reward, terminal, ending)
    assert math.isfinite(problem.reward_bound)
    chosen: dict[str, Any] = {
        "population": population, "elites": elites, "horizon": horizon, "steps_per_knot": knot, "discount": discount,
        "threads": threads, "seed": seed, "iterations": 3, "keep_elites": min(3, elites),
    }  # fmt: skip
    pruning, plain = mf.CEM(problem, **chosen), mf.CEM(problem, **chosen, prune=False)
    for step in range(3):
        state = [0.3 * step - 0.4, 0.2]
        one, other = pruning.plan(state), plain.plan(state)
        assert np.array_equal(one.actions, other.actions)
        assert one.value == other.value
        assert one.model_steps <= other.model_steps


@pytest.mark.parametrize("members", [1, 3])
def test_pruning_saves_model_steps_near_the_bound(members: int) -> None:
    problem = mf.export([Glide(0.1 + 0.02 * member) for member in range(members)], PARTS["distance"], **SIZES)
    chosen: dict[str, Any] = {"population": 1000, "elites": 10, "horizon": 20, "steps_per_knot": 1}
    pruning, plain = mf.CEM(problem, **chosen), mf.CEM(problem, **chosen, prune=False)
    one, other = pruning.plan([0.1, 0.0]), plain.plan([0.1, 0.0])
    assert np.array_equal(one.actions, other.actions)
    assert other.model_steps == (5 * 1000 + 1) * 20 * members
    assert one.model_steps < 0.75 * other.model_steps
