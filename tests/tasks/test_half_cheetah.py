"""HalfCheetah: the speed that its state begins with, and how far it ran."""

from __future__ import annotations

import numpy as np
import pytest

from mbrl_fast.episode import outcome
from mbrl_fast.tasks import HalfCheetah


def test_the_state_is_the_mean_speed_and_then_what_the_environment_observes() -> None:
    env, generator, x = HalfCheetah().make_env(), np.random.default_rng(0), 0.0
    for step in range(60):
        if step % 20 == 0:
            observation = env.reset(seed=step)[0]
            assert observation[0] == 0.0
        else:
            observation = env.step(generator.uniform(-1, 1, 6).astype(np.float32))[0]
            assert observation[0] == pytest.approx((env.unwrapped.data.qpos[0] - x) / 0.05, abs=1e-9)
        x = env.unwrapped.data.qpos[0]
        np.testing.assert_array_equal(observation[1:], np.concatenate([env.unwrapped.data.qpos[1:], env.unwrapped.data.qvel]))
    env.close()


def test_the_tracker_adds_up_the_distance_and_knows_no_success() -> None:
    env, tracker = HalfCheetah().make_env(), HalfCheetah().tracker()
    env.reset(seed=0)
    start = env.unwrapped.data.qpos[0]
    for _ in range(30):
        observation, _, _, _, info = env.step(np.full(6, 0.5, np.float32))
        tracker.update(observation, info)
    metrics = tracker.metrics()
    assert metrics == {"distance": pytest.approx(env.unwrapped.data.qpos[0] - start), "steps": 30}
    assert outcome(metrics) == "over"
    env.close()
