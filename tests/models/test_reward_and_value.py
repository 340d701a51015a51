"""Learnt rewards and values as modules: scales, angles, export; and training a reward."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import mbrl_fast as mf
from mbrl_fast.data import Transitions
from mbrl_fast.models import LearntReward, LearntValue, PendulumModel
from mbrl_fast.models.features import with_angles
from mbrl_fast.training import TrainingSettings, train_reward

SIZES: dict[str, Any] = {"state_size": 3, "action_size": 1, "action_low": -2, "action_high": 2, "dt": 0.05}


def pendulum(count: int = 2000, known: float = 1.0) -> Transitions:
    """Random states of the pendulum, with a reward for being upright, still and lazy; of some it is not known."""
    generator = np.random.default_rng(0)
    angle, speed = generator.uniform(-3, 3, count), generator.uniform(-6, 6, count)
    states = np.stack([np.cos(angle), np.sin(angle), speed], 1).astype(np.float32)
    actions = generator.uniform(-2, 2, (count, 1)).astype(np.float32)
    after = PendulumModel()(torch.from_numpy(states), torch.from_numpy(actions)).numpy()
    rewards = 5.0 * after[:, 0] - 0.1 * states[:, 2] ** 2 - 0.5 * actions[:, 0] ** 2
    rewards[generator.random(count) > known] = np.nan
    return Transitions(states, actions, after, np.arange(count) // 50, np.zeros(count, np.bool_), rewards.astype(np.float32))


def test_a_reward_is_learnt_from_the_steps_whose_reward_is_known() -> None:
    data = pendulum(known=0.5)
    columns = (data.states, data.actions, data.next_states)
    known = ~np.isnan(data.rewards)
    model = LearntReward(3, 1, (32, 32)).normalise(*(column[known] for column in columns), data.rewards[known])
    (trained,), history = train_reward(model, data, TrainingSettings(epochs=40), progress=False)
    assert history.validation_loss.min() < 0.02
    fresh = pendulum()
    with torch.no_grad():
        predicted = trained(*(torch.from_numpy(column) for column in (fresh.states, fresh.actions, fresh.next_states))).numpy()
    assert predicted.shape == (2000,)
    assert np.abs(predicted - fresh.rewards).mean() < 0.1 * fresh.rewards.std()


def test_several_rewards_are_fitted_side_by_side() -> None:
    models = [LearntReward(3, 1, (8,)) for _ in range(3)]
    trained, history = train_reward(models, pendulum(400), TrainingSettings(epochs=3), progress=False)
    assert history.train_loss.shape == (3, 3)
    assert all(isinstance(model, LearntReward) for model in trained)


def test_no_known_reward_is_refused() -> None:
    data = pendulum(100, known=-1.0)
    with pytest.raises(ValueError, match="a reward needs at least 2 steps whose reward is known, got 0 of 100"):
        train_reward(LearntReward(3, 1), data, progress=False)
    with pytest.raises(ValueError, match="at least one model"):
        train_reward([], pendulum(100), progress=False)


def test_both_fill_their_slots_and_a_plan_adds_the_value_discounted_by_its_steps() -> None:
    torch.manual_seed(0)
    data = pendulum(200)
    reward = LearntReward(3, 1, (16,), (2,)).normalise(data.states, data.actions, data.next_states, data.rewards)
    value = LearntValue(3, (16,), (2,)).normalise(data.states, 10.0 * data.rewards)
    problem = mf.export(PendulumModel(), reward, terminal_value=value, **SIZES)
    assert max(problem.verify().values()) < 1e-5
    actions = np.random.default_rng(1).uniform(-2, 2, (6, 4, 1)).astype(np.float32)
    got = problem.rollout(data.states[0], actions, discount=0.9)
    state, expected = torch.from_numpy(data.states[:1]).expand(6, -1), torch.zeros(6)
    with torch.no_grad():
        for t in range(4):
            action = torch.from_numpy(actions[:, t])
            after = PendulumModel()(state, action)
            expected += 0.9**t * reward(state, action, after)
            state = after
        expected += 0.9**4 * value(state)
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-4, atol=1e-4)


def test_scales_are_those_of_the_data_and_what_never_changes_keeps_the_scale_one() -> None:
    states = np.array([[1.0, 5.0], [3.0, 5.0]], np.float32)
    value = LearntValue(2, (4,)).normalise(states, np.array([-10.0, -30.0], np.float32))
    assert value.scalar.input_mean.tolist() == [2.0, 5.0]
    assert value.scalar.input_std.tolist() == [1.0, 1.0]
    assert (value.scalar.output_mean.item(), value.scalar.output_std.item()) == (-20.0, 10.0)
    same = LearntValue(2, (4,)).normalise(states, np.array([7.0, 7.0], np.float32))
    assert (same.scalar.output_mean.item(), same.scalar.output_std.item()) == (7.0, 1.0)


def test_angles_are_seen_as_cosine_and_sine_whole_turns_make_no_difference() -> None:
    state = torch.randn(5, 3)
    turned = state + torch.tensor([0.0, 2 * np.pi, 0.0])
    value, reward = LearntValue(3, (8,), (1,)), LearntReward(3, 1, (8,), (1,))
    torch.testing.assert_close(value(state), value(turned), atol=1e-5, rtol=1e-5)
    action = torch.randn(5, 1)
    torch.testing.assert_close(reward(state, action, state), reward(turned, action, turned), atol=1e-5, rtol=1e-5)
    seen = with_angles(state, (1,))
    torch.testing.assert_close(seen, torch.stack([state[:, 0], state[:, 2], state[:, 1].cos(), state[:, 1].sin()], -1))


def test_bad_sizes_are_refused() -> None:
    for make in (lambda **options: LearntReward(3, 1, **options), lambda **options: LearntValue(3, **options)):
        with pytest.raises(ValueError, match="hidden_sizes must be at least one size"):
            make(hidden_sizes=())
        with pytest.raises(ValueError, match=r"angles must be different indices below state_size=3, got angles=\[3\]"):
            make(angles=(3,))
    with pytest.raises(ValueError, match="action_size must be at least 1, got action_size=0"):
        LearntReward(3, 0)
    with pytest.raises(ValueError, match="state_size must be at least 1, got state_size=0"):
        LearntValue(0)
