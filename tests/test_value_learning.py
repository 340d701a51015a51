"""Learning values: n-step returns, and values that are known in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mbrl_fast.data import Transitions
from mbrl_fast.fitting import TrainingSettings
from mbrl_fast.models import LearntValue
from mbrl_fast.value_learning import ValueSettings, learn_value, n_step_returns

DISCOUNT = 0.9


def walks(starts: list[int], end: int = 10, limit: int = 99) -> Transitions:
    """From each start one up in every step, for a reward of -1, until the end or for lack of time."""
    states = [(float(start + k), episode) for episode, start in enumerate(starts) for k in range(min(end - start, limit))]
    position, episodes = (np.array(column) for column in zip(*states, strict=True))
    position = position.astype(np.float32)[:, None]
    rewards, ended = np.full(len(position), -1.0, np.float32), (position[:, 0] + 1 == end)
    crashed = np.zeros(len(position), np.bool_)
    return Transitions(position, 0 * position, position + 1, episodes.astype(np.int64), crashed, rewards, ended)


def one_by_one(data: Transitions, values: np.ndarray, discount: float, steps: int, row: int) -> float:
    """The n-step return of one row, as the textbook has it."""
    total = 0.0
    for k in range(steps):
        total += discount**k * float(data.rewards[row])
        if data.terminated[row]:
            return total
        last = k + 1 == steps or row + 1 == len(data) or data.episodes[row + 1] != data.episodes[row]
        if last:
            return total + discount ** (k + 1) * float(values[row])
        row += 1
    raise AssertionError


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(1, 12), st.integers(1, 12), st.floats(0.0, 0.99))
def test_n_step_returns_stop_at_ends_and_go_on_from_values_elsewhere(
    starts: list[int], limit: int, steps: int, discount: float
) -> None:
    data = walks(starts, limit=limit)
    values = np.random.default_rng(0).normal(size=len(data)).astype(np.float32)
    expected = [one_by_one(data, values, discount, steps, row) for row in range(len(data))]
    np.testing.assert_allclose(n_step_returns(data, values, discount, steps), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 3, 50])
def test_a_value_counts_the_discounted_rewards_until_the_end(steps: int) -> None:
    data = walks([0, 1, 2, 3, 4, 5, 6, 7] * 6)
    value, history = learn_value(LearntValue(1, (32,)), data, ValueSettings(DISCOUNT, steps, rounds=25), progress=False)
    position = torch.arange(10.0)[:, None]
    expected = -(1 - DISCOUNT ** (10 - position[:, 0])) / (1 - DISCOUNT)
    torch.testing.assert_close(value(position), expected, atol=0.25, rtol=0.0)
    assert not value.training
    assert history.best_epoch.shape == (1,)


def test_an_episode_that_ran_out_of_time_is_worth_what_its_last_state_is() -> None:
    data = walks(list(range(6)) * 8, end=99, limit=3)
    data = Transitions(data.states, data.actions, data.states, data.episodes, data.crashed, data.rewards, data.terminated)
    value = learn_value(LearntValue(1, (16,)), data, ValueSettings(DISCOUNT, 3, rounds=30), progress=False)[0]
    torch.testing.assert_close(value(torch.arange(1.0, 7.0)[:, None]), torch.full((6,), -10.0), atol=0.6, rtol=0.0)


def test_learning_goes_on_from_what_was_learnt_and_leaves_it_alone() -> None:
    torch.manual_seed(3)  # of the fresh networks: some learn nearly as much in one round
    data = walks([0, 2, 4, 6] * 6)
    first = learn_value(LearntValue(1, (32,)), data, ValueSettings(DISCOUNT, 2, rounds=20), progress=False)[0]
    before = {name: value.clone() for name, value in first.state_dict().items()}
    short = ValueSettings(DISCOUNT, 1, rounds=1)
    further = learn_value(first, data, short, progress=False)[0]
    fresh = learn_value(LearntValue(1, (32,)), data, short, progress=False)[0]
    assert all(torch.equal(value, before[name]) for name, value in first.state_dict().items())
    start = torch.zeros(1, 1)
    assert further(start).item() == pytest.approx(-(1 - DISCOUNT**10) / (1 - DISCOUNT), abs=0.5)
    assert fresh(start).item() > -5.0


def test_a_reward_that_is_not_known_is_refused_by_its_row() -> None:
    data = walks([0, 2])
    rewards = data.rewards.copy()
    rewards[3] = np.nan
    data = Transitions(data.states, data.actions, data.next_states, data.episodes, data.crashed, rewards, data.terminated)
    with pytest.raises(ValueError, match="rewards must be known for a value to be learnt, got NaN at row 3"):
        learn_value(LearntValue(1), data, progress=False)


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("discount", 1.0, r"discount must be at least 0 and below 1, got discount=1\.0"),
        ("discount", float("nan"), "discount must be at least 0 and below 1, got discount=nan"),
        ("steps", 0, "steps must be at least 1, got steps=0"),
        ("rounds", 0, "rounds must be at least 1, got rounds=0"),
    ],
)
def test_bad_settings_are_refused(option: str, value: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ValueSettings(**{option: value})


def test_the_seed_determines_the_value() -> None:
    data = walks([0, 3, 5] * 4)

    def learnt(seed: int) -> float:
        torch.manual_seed(0)
        training = TrainingSettings(epochs=4, seed=seed, split_by="step")
        value = learn_value(LearntValue(1, (8,)), data, ValueSettings(rounds=2, training=training), progress=False)[0]
        return value(torch.zeros(1, 1)).item()

    assert learnt(0) == learnt(0) != learnt(1)
