"""The pendulum model and its reward are gymnasium's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mbrl_fast.models import PendulumModel
from mbrl_fast.rewards import PendulumReward
from mbrl_fast.tasks import Pendulum


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_model_and_reward_follow_the_environment(seed: int) -> None:
    env, generator = Pendulum().make_env(), np.random.default_rng(seed)
    state = env.reset(seed=seed)[0]
    for t in range(200):
        # with the swing, so that the speed limit is met; beyond the bounds too: the environment clips
        action = np.array([3.0 * np.sign(state[2]) if t < 100 else generator.uniform(-3, 3)], np.float32)
        tensors = torch.from_numpy(state), torch.from_numpy(action)
        predicted, expected = PendulumModel()(*tensors).numpy(), float(PendulumReward()(*tensors))
        state, reward = env.step(action)[:2]
        np.testing.assert_allclose(predicted, state, atol=2e-6)
        assert reward == pytest.approx(expected, abs=2e-5)
    env.close()


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_the_speed_limit_is_the_environments(direction: float) -> None:
    env = Pendulum().make_env()
    env.reset(seed=0)
    env.unwrapped.state = np.array([direction * 1.5, direction * 7.9])
    state = torch.tensor([np.cos(1.5), direction * np.sin(1.5), direction * 7.9], dtype=torch.float32)
    after = env.step(np.array([2.0 * direction], np.float32))[0]
    assert after[2] == direction * 8.0
    np.testing.assert_allclose(PendulumModel()(state, torch.tensor([2.0 * direction])).numpy(), after, atol=1e-6)
    env.close()


def test_the_model_takes_any_leading_shape_and_keeps_length_one() -> None:
    state, action = torch.randn(3, 4, 3), torch.randn(3, 4, 1)
    after = PendulumModel()(state, action)
    torch.testing.assert_close(after[1, 2], PendulumModel()(state[1, 2], action[1, 2]))
    torch.testing.assert_close(after[..., :2].norm(dim=-1), torch.ones(3, 4))


def test_what_is_not_physical_is_refused() -> None:
    with pytest.raises(ValueError, match="mass must be greater than 0 and finite, got mass=0"):
        PendulumModel(mass=0.0)
    with pytest.raises(ValueError, match="speed_weight must be finite and not negative, got speed_weight=-1"):
        PendulumReward(speed_weight=-1.0)
