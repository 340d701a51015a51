"""The replica of parking-v0 against the environment, step by step."""

from __future__ import annotations

import numpy as np
import pytest
from bench.parking_batch import RealWorld, Replica

from mbrl_fast.tasks import Parking


def side_by_side(actions: np.ndarray, seeds: list[int], task: Parking) -> tuple[list[dict], list[dict]]:
    """Metrics of both worlds after the same actions [T, slots, 2]; they agree at every step."""
    real, replica = RealWorld(task, len(seeds)), Replica(task, len(seeds))
    for slot, seed in enumerate(seeds):
        real.start(slot, seed)
        replica.start(slot, seed)
    np.testing.assert_array_equal(real.goals, replica.goals)
    for step in actions:
        before = real.running.copy()
        real.step(step)
        replica.step(step)
        np.testing.assert_array_equal(real.running, replica.running)
        np.testing.assert_allclose(replica.states[real.running], real.states[real.running], rtol=0, atol=2e-6)
        if not before.any():
            break
    found = [[world.metrics(slot) for slot in range(len(seeds))] for world in (real, replica)]
    real.close()
    replica.close()
    return found[0], found[1]


def same(real: list[dict], replica: list[dict]) -> None:
    for one, other in zip(real, replica, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            if isinstance(value, float):
                assert other[name] == pytest.approx(value, abs=0.05), name  # the push out of a wall is in the last reward
            else:
                assert other[name] == value, name


def test_random_driving_ends_in_the_same_walls() -> None:
    actions = np.random.default_rng(0).uniform(-1, 1, (60, 8, 2)).astype(np.float32)
    actions[:, :, 0] += 0.4  # mostly forwards, beyond the bounds now and then
    real, replica = side_by_side(actions, list(range(8)), Parking(max_steps=40))
    same(real, replica)
    assert sum(one["crash"] for one in real) >= 3
    assert any(one["steps"] == 40 for one in real) or all(one["crash"] for one in real)


def test_a_parked_car_is_parked_in_both() -> None:
    """Both worlds are put into the same spot: success at once, strict success after a second."""
    task = Parking()
    real, replica = RealWorld(task, 2), Replica(task, 2)
    for slot in range(2):
        real.start(slot, 7 + slot)
        replica.start(slot, 7 + slot)
        goal = real.goals[slot]
        car = real.envs[slot].unwrapped.vehicle
        car.position, car.heading = 100.0 * goal[:2] + [0.3, 0.0], float(np.arctan2(goal[5], goal[4])) + 0.05 + 0.3 * slot
        replica.position[slot], replica.heading[slot] = car.position, car.heading
    for _ in range(8):
        real.step(np.zeros((2, 2), np.float32))
        replica.step(np.zeros((2, 2), np.float32))
        np.testing.assert_array_equal(real.running, replica.running)
    found = [[world.metrics(slot) for slot in range(2)] for world in (real, replica)]
    same(*found)
    assert found[0][0]["steps_to_strict"] == 5
    assert found[0][0]["success"]
    assert not found[0][1]["strict"]  # 20° askew
    real.close()
    replica.close()
