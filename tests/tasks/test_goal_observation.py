"""The goal observation without pandas is highway-env's own, bit for bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from highway_env.envs.common.observation import KinematicsGoalObservation

from mbrl_fast.tasks import Parking
from mbrl_fast.tasks.goal_observation import GoalObservation


@pytest.mark.parametrize("parked_cars", [0, 10])
def test_an_episode_is_observed_as_by_highway_env(parked_cars: int) -> None:
    quick, plain = (Parking(parked_cars=parked_cars).make_env() for _ in range(2))
    generator = np.random.default_rng(0)
    for seed in (0, 1):
        seen, _ = quick.reset(seed=seed)
        expected, _ = plain.unwrapped.reset(seed=seed)  # whose observers are highway-env's
        assert type(quick.unwrapped.observation_type) is GoalObservation  # type: ignore[attr-defined]
        assert type(plain.unwrapped.observation_type) is KinematicsGoalObservation  # type: ignore[attr-defined]
        for _ in range(30):
            assert set(expected) <= set(seen)
            for name, values in expected.items():
                np.testing.assert_array_equal(seen[name], values)
                assert seen[name].dtype == values.dtype
            action = generator.uniform(-1, 1, 2)
            seen, *mine = quick.step(action)
            expected, *theirs = plain.unwrapped.step(action)
            assert mine[:3] == theirs[:3]
    for env in (quick, plain):
        env.close()


def test_a_copy_goes_on_by_itself() -> None:
    env = Parking().make_env()
    env.reset(seed=3)
    other = copy.deepcopy(env)
    mine = env.step(np.array([1.0, 0.5]))[0]
    theirs = other.step(np.array([1.0, 0.5]))[0]
    np.testing.assert_array_equal(mine["observation"], theirs["observation"])
    other.step(np.array([-1.0, 0.0]))
    np.testing.assert_array_equal(env.unwrapped.observation_type.observe()["observation"], mine["observation"])  # type: ignore[attr-defined]
    env.close()
    other.close()
