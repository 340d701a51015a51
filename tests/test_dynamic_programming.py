"""The optimum that regret is measured against."""

from __future__ import annotations

import json

import numpy as np
import pytest
from bench import pendulum_regret
from bench.dynamic_programming import Optimum, play, starts, step

from mbrl_fast.tasks import Pendulum


def test_the_replica_is_the_environment() -> None:
    states, generator, env = starts(range(3)), np.random.default_rng(0), Pendulum().make_env()
    for seed, state in enumerate(states):
        env.reset(seed=seed)
        np.testing.assert_array_equal(env.unwrapped.state, state)
        for _ in range(100):
            torque = generator.uniform(-2.5, 2.5)
            state, reward = step(state, np.array(torque))
            assert env.step(np.array([torque]))[1] == pytest.approx(float(reward), abs=1e-12)
            np.testing.assert_allclose(env.unwrapped.state, state, rtol=0, atol=1e-12)
    env.close()


def test_a_coarse_optimum_is_far_better_than_nothing_and_near_a_finer_one() -> None:
    states = starts(range(20))
    coarse, finer = Optimum(25), Optimum(50)
    idle = play(lambda t, states: np.zeros(len(states)), states)
    best = finer.best_returns(states)
    assert coarse.best_returns(states).mean() > idle.mean() + 500
    assert abs(finer.value(0, states).mean() - coarse.value(0, states).mean()) < 5
    assert abs(best.mean() - finer.value(0, states).mean()) < 5


def test_the_last_value_is_the_last_reward() -> None:
    optimum = Optimum(20, steps=1)
    states = np.array([[0, 0], [3 * optimum.turn, 2 * optimum.faster]])
    np.testing.assert_allclose(optimum.value(0, states), step(states, np.zeros(2))[1], atol=1e-4)


def test_a_grid_too_coarse_is_refused() -> None:
    with pytest.raises(ValueError, match="cells must be >= 10, got 9"):
        Optimum(9)


def test_the_bench_runs_to_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"horizon": 8, "population": 16, "elites": 4, "keep_elites": 2, "iterations": 1}
    monkeypatch.setattr(Pendulum, "planner_settings", lambda self: small)
    options = ["--starts", "2", "--data-seeds", "0", "--cells", "20", "--transitions", "101", "--epochs", "1"]
    result = pendulum_regret.main(options)
    assert set(result["rows"]) == {"exact model", "learnt, data seed 0", "learnt, all"}
    assert result["rows"]["learnt, all"]["transitions"] == 101
    assert result["recipe"]["transitions"] == 51
    json.dumps(result)
