"""Rewards against the environment's own, and what the parking reward adds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mbrl_fast.rewards import GoalDistance, ParkedCarsReward, ParkingReward, ParkingValue
from mbrl_fast.tasks import Parking

GOAL = torch.tensor([0.1, 0.14, 0.0, 0.0, 0.0, 1.0])


def car(x: float, y: float, heading: float = 90.0, speed: float = 0.0) -> Tensor:
    """A state from metres, degrees and metres per second."""
    cos, sin = np.cos(np.deg2rad(heading)), np.sin(np.deg2rad(heading))
    return torch.tensor([x / 100, y / 100, speed * cos / 5, speed * sin / 5, cos, sin], dtype=torch.float32)


def test_goal_distance_is_the_environments_reward() -> None:
    env = Parking().make_env()
    env.reset(seed=1)
    for action in ([1.0, 0.5], [0.5, -1.0], [-1.0, 0.0]):
        observation, reward, *_ = env.step(np.array(action))
        ours = GoalDistance()(*(torch.from_numpy(observation[key]).float() for key in ("observation", "desired_goal")))
        assert float(ours) == pytest.approx(reward, abs=1e-6)
    env.close()


@pytest.mark.parametrize("power", [0.5, 1.0, 1.7])
def test_goal_distance_has_the_power_asked_for(power: float) -> None:
    reward = GoalDistance(weights=[2.0, 1.0], power=power)
    assert float(reward(torch.tensor([1.0, 5.0]), torch.tensor([0.0, 3.0]))) == pytest.approx(-(4.0**power))


def test_gradients_are_finite_at_the_goal() -> None:
    for reward in (GoalDistance(), GoalDistance(power=0.7), ParkingReward()):
        state = GOAL.clone().requires_grad_()
        reward(state, GOAL).backward()
        assert state.grad is not None
        assert state.grad.isfinite().all()


def test_goals_may_be_one_for_all_or_one_each() -> None:
    states = torch.randn(3, 4, 6)
    for reward in (GoalDistance(), ParkingReward()):
        one, each = reward(states, GOAL), reward(states, GOAL.expand(3, 4, 6))
        assert one.shape == (3, 4)
        torch.testing.assert_close(one, each)


@pytest.mark.parametrize(
    ("state", "touches"),
    [
        (car(0, 0), False),
        (car(10, 16), False),
        (car(31.9, 0, heading=0), False),
        (car(32.1, 0, heading=0), True),
        (car(33.4, 0, heading=90), False),
        (car(33.6, 0, heading=90), True),
        (car(0, -18.1, heading=-90), True),
        (car(0, 19.6, heading=180), True),
        (car(32.2, 0, heading=45), True),
    ],
)
def test_the_wall_costs_its_whole_penalty_exactly_where_the_environment_crashes(state: Tensor, touches: bool) -> None:
    reward = ParkingReward(wall_penalty=100.0, wall_margin=1e-3, speed_weight=0.0)
    without = ParkingReward(wall_penalty=0.0, speed_weight=0.0)
    assert float(without(state, GOAL) - reward(state, GOAL)) == pytest.approx(100.0 if touches else 0.0, abs=1e-3)
    env = Parking().make_env()
    env.reset(seed=0)
    vehicle = env.unwrapped.vehicle
    vehicle.position = np.array([100.0 * float(state[0]), 100.0 * float(state[1])])
    vehicle.heading = float(torch.atan2(state[5], state[4]))
    assert env.step(np.zeros(2))[4]["crashed"] == touches
    env.close()


def test_the_wall_penalty_outweighs_a_whole_plan_far_from_the_goal() -> None:
    reward = ParkingReward()
    far = 25 * reward(car(-31, -15, heading=180), GOAL)
    assert reward(car(34, 0), GOAL) < far


def test_speed_costs_near_the_goal_only() -> None:
    reward = ParkingReward()
    assert reward(car(10, 14, speed=2), GOAL) < reward(car(10, 14), GOAL) - 0.01
    torch.testing.assert_close(reward(car(-10, -14, speed=2), GOAL), reward(car(-10, -14), GOAL))


def test_forwards_and_in_reverse_cost_the_same() -> None:
    reward = ParkingReward()
    torch.testing.assert_close(reward(car(10, 14, speed=2), GOAL), reward(car(10, 14, speed=-2), GOAL))


def parked(*cars: tuple[float, float, float], count: int = 3) -> Tensor:
    """Obstacles [count, 5] from metres and degrees; the rest are absent."""
    rows = torch.zeros(count, 5)
    for row, (x, y, heading) in zip(rows, cars, strict=False):
        row[:] = torch.tensor([1.0, x / 100, y / 100, np.cos(np.deg2rad(heading)), np.sin(np.deg2rad(heading))])
    return rows


def test_a_parked_car_costs_its_whole_penalty_exactly_where_footprints_overlap() -> None:
    reward, without, generator = ParkedCarsReward(car_penalty=100.0, car_margin=1e-3), ParkingReward(), np.random.default_rng(0)
    env = Parking(parked_cars=1).make_env()
    env.reset(seed=0)
    other = next(car for car in env.unwrapped.road.vehicles if car is not env.unwrapped.vehicle)
    obstacles = torch.from_numpy(env.observation({})["obstacles"]).float()
    outcomes = []
    for _ in range(300):
        vehicle = env.unwrapped.vehicle
        vehicle.position, vehicle.heading = other.position + generator.uniform(-5, 5, 2), generator.uniform(-np.pi, np.pi)
        x, y = vehicle.position
        state = car(x, y, heading=np.rad2deg(vehicle.heading))
        if abs(float(reward.gap(state, obstacles)[0])) < 1e-3:
            continue
        touches = vehicle._is_colliding(other, 0.0)[0]
        cost = float(without(state, GOAL) - reward(state, GOAL, obstacles))
        assert cost == pytest.approx(100.0 if touches else 0.0, abs=1e-2)
        outcomes.append(touches)
    assert 50 < sum(outcomes) < 250
    env.close()


def test_absent_cars_cost_nothing_and_the_nearest_one_counts() -> None:
    reward, state = ParkedCarsReward(), car(0, 0, heading=0)
    nothing = reward(state, GOAL, parked())
    torch.testing.assert_close(nothing, ParkingReward()(state, GOAL))
    near = reward(state, GOAL, parked((0, 2.25, 180)))
    assert float(nothing - near) == pytest.approx(10.0, abs=1e-3)  # half the margin left, half the penalty
    torch.testing.assert_close(reward(state, GOAL, parked((20, 0, 0), (0, 2.25, 180), (0, -2.4, 0))), near)


def test_obstacles_may_be_one_set_for_all_or_one_each() -> None:
    states, obstacles, reward = torch.randn(3, 4, 6), parked((3, 3, 50), (-2, 5, 10)), ParkedCarsReward()
    one, each = reward(states, GOAL, obstacles), reward(states, GOAL, obstacles.expand(3, 4, 3, 5))
    assert one.shape == (3, 4)
    torch.testing.assert_close(one, each)


def test_the_end_of_a_plan_is_worth_as_much_as_standing_there() -> None:
    value, reward = ParkingValue(steps=40.0), ParkingReward()
    for state in (car(12, 13, speed=1.0), car(-20, 5), GOAL):
        torch.testing.assert_close(value(state, GOAL), 40.0 * reward(state, GOAL))
    assert float(ParkingValue(steps=0.0)(car(12, 13), GOAL)) == 0.0


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: GoalDistance(weights=[]), "weights must be finite and not negative, at least one"),
        (lambda: GoalDistance(weights=[1.0, -1.0]), "weights must be finite and not negative"),
        (lambda: GoalDistance(power=0.0), "power must be greater than 0, got power=0.0"),
        (lambda: ParkingReward(wall_margin=0.0), "wall_margin must be greater than 0, got wall_margin=0.0"),
        (lambda: ParkedCarsReward(car_margin=0.0), "car_margin must be greater than 0, got car_margin=0.0"),
        (lambda: ParkedCarsReward(car_penalty=-1.0), "car_penalty must not be negative, got car_penalty=-1.0"),
        (lambda: ParkingValue(steps=-1.0), "steps must be finite and not negative, got steps=-1.0"),
        (lambda: ParkingReward(speed_weight=-1.0), "speed_weight must not be negative, got speed_weight=-1.0"),
    ],
)
def test_bad_options_are_refused_with_a_sentence(make: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()  # type: ignore[operator]
