"""The bicycle is highway-env's own car."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mbrl_fast.models import Bicycle
from mbrl_fast.tasks import Parking


@pytest.mark.parametrize("seed", [0, 1])
def test_the_bicycle_follows_the_environment(seed: int) -> None:
    env, model, generator = Parking(walls=False).make_env(), Bicycle(), np.random.default_rng(seed)
    state = Parking().observe(env.reset(seed=seed)[0])[0]
    for _ in range(40):
        action = generator.uniform(-1.5, 1.5, 2).astype(np.float32)  # beyond the bounds too: the environment clips
        predicted = model(torch.from_numpy(state), torch.from_numpy(action)).numpy()
        state = Parking().observe(env.step(action)[0])[0]
        np.testing.assert_allclose(predicted, state, atol=1e-6)
    env.close()


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_the_bicycle_meets_the_speed_limits_as_the_environment_does(direction: float) -> None:
    env = Parking(walls=False).make_env()
    env.reset(seed=0)
    env.unwrapped.vehicle.speed = 39.5 * direction
    action = np.array([direction, 0.3], np.float32)
    state = Parking().observe(env.step(np.zeros(2))[0])[0]
    for _ in range(5):
        predicted = Bicycle()(torch.from_numpy(state), torch.from_numpy(action)).numpy()
        state = Parking().observe(env.step(action)[0])[0]
        np.testing.assert_allclose(predicted, state, atol=3e-6)
    env.close()


def test_the_bicycle_takes_any_leading_shape() -> None:
    model, state, action = Bicycle(), torch.randn(3, 4, 6), torch.randn(3, 4, 2)
    whole = model(state, action)
    assert whole.shape == (3, 4, 6)
    torch.testing.assert_close(whole[1, 2], model(state[1, 2], action[1, 2]))


def test_the_heading_stays_of_length_one_over_a_long_rollout() -> None:
    state = torch.tensor([[0.0, 0.0, 0.5, 0.0, 1.0, 0.0]])
    for _ in range(500):
        state = Bicycle()(state, torch.tensor([[0.0, 0.7]]))
    assert state[0, 4:].norm() == pytest.approx(1.0, abs=1e-6)


def test_gradients_are_finite_at_rest() -> None:
    state = torch.tensor([[0.0, 0.0, 0.0, 0.0, 1.0, 0.0]], requires_grad=True)
    action = torch.zeros(1, 2, requires_grad=True)
    Bicycle()(state, action).sum().backward()
    assert state.grad is not None
    assert state.grad.isfinite().all()
    assert action.grad is not None
    assert action.grad.isfinite().all()


def test_a_bicycle_without_substeps_is_refused() -> None:
    with pytest.raises(ValueError, match="substeps must be at least 1, got substeps=0"):
        Bicycle(substeps=0)
