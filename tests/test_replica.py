"""The replica of parking-v0 that settings are chosen on is parking-v0."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from bench.replica import Replica, sweep_gap

from mbrl_fast.tasks import Parking


@pytest.mark.parametrize("task", [Parking(), Parking(parked_cars=10)])
@pytest.mark.parametrize("seed", [0, 1, 4])
def test_the_replica_gives_what_the_environment_gives_until_the_crash(task: Parking, seed: int) -> None:
    real, replica, generator = task.make_env(), Replica(task).make_env(), np.random.default_rng(seed)
    observations = [env.reset(seed=seed)[0] for env in (real, replica)]
    for key, value in observations[0].items():
        np.testing.assert_array_equal(value, observations[1][key])
    action = np.zeros(2, np.float32)
    for step in range(150):
        if step % 4 == 0:
            action = generator.uniform(-1, 1, 2).astype(np.float32)
        (theirs, reward, terminated, _, info), ours = real.step(action.copy()), replica.step(action.copy())
        assert (ours[2], ours[4]["crashed"]) == (terminated, info["crashed"])
        if terminated:  # the car is pushed off what it hit, which no one needs
            break
        np.testing.assert_allclose(ours[0]["observation"], theirs["observation"], atol=5e-6)
        assert ours[1] == pytest.approx(reward, abs=5e-5)
    else:
        pytest.fail("driving at random must end in a crash")
    real.close()
    replica.close()


def test_success_and_the_limit_of_steps_end_an_episode_as_in_the_environment() -> None:
    replica = Replica(Parking(max_steps=3)).make_env(stop_at_success=True)
    goal = replica.reset(seed=0)[0]["desired_goal"]
    assert [replica.step(np.zeros(2))[2:4] for _ in range(3)] == [(False, False), (False, False), (False, True)]
    replica._x, replica._y, replica._heading = 100 * goal[0], 100 * goal[1], float(np.arctan2(goal[5], goal[4]))
    assert replica.step(np.zeros(2))[2]
    replica.close()


def test_gaps_between_rectangles_are_the_widest_along_their_axes() -> None:
    others = np.array([[10.0, 0.0, 0.0, 5.0, 2.0], [0.0, 4.0, np.pi / 2, 5.0, 2.0], [1.0, 0.0, 1.0, 5.0, 2.0]])
    gaps = sweep_gap((0.0, 0.0, 0.0, 5.0, 2.0), others, 0.0)
    np.testing.assert_allclose(gaps[:2], [5.0, 0.5], atol=1e-12)
    assert gaps[2] < 0
    np.testing.assert_allclose(sweep_gap((0.0, 0.0, 0.0, 5.0, 2.0), others[:1], 1.5), [3.5], atol=1e-12)
    np.testing.assert_allclose(sweep_gap((0.0, 0.0, 0.0, 5.0, 2.0), others[:1], -1.5), [5.0], atol=1e-12)


def test_a_replica_of_a_task_travels_to_workers_and_draws_no_pictures() -> None:
    copy = pickle.loads(pickle.dumps(Replica(Parking(max_steps=7))))
    assert copy.max_steps == 7
    with pytest.raises(ValueError, match="render_mode must be None on the replica"):
        copy.make_env(render_mode="rgb_array")
