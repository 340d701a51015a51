"""The cart-pole model is the environment's own step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mbrl_fast.models import CartPoleModel
from mbrl_fast.tasks import CartPole


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_model_follows_the_environment_beyond_its_limits_and_bounds_too(seed: int) -> None:
    env, generator = CartPole().make_env(), np.random.default_rng(seed)
    state = env.reset(seed=seed)[0]
    for _ in range(100):
        action = generator.uniform(-2, 2, 1).astype(np.float32)
        predicted = CartPoleModel()(torch.from_numpy(state), torch.from_numpy(action)).numpy()
        state = env.unwrapped.step(action)[0]
        np.testing.assert_allclose(predicted, state, rtol=2e-6, atol=2e-6)
    env.close()


def test_the_model_takes_any_leading_shape() -> None:
    state, action = torch.randn(3, 5, 4), torch.randn(3, 5, 1)
    after = CartPoleModel()(state, action)
    torch.testing.assert_close(after[1, 2], CartPoleModel()(state[1, 2], action[1, 2]))


def test_without_force_a_hanging_pole_rests_and_a_leaning_one_falls_on() -> None:
    hanging = torch.tensor([0.0, 0.0, torch.pi, 0.0])
    torch.testing.assert_close(CartPoleModel()(hanging, torch.zeros(1)), hanging, atol=1e-6, rtol=0)
    leaning = CartPoleModel()(torch.tensor([0.0, 0.0, 0.1, 0.0]), torch.zeros(1))
    assert leaning[3] > 0


@pytest.mark.parametrize("name", ["dt", "cart_mass", "pole_mass", "half_length", "force"])
def test_what_is_not_physical_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be greater than 0 and finite, got {name}=0.0$"):
        CartPoleModel(**{name: 0.0})
