"""The parking task: its environment's rules and traps, and what the tracker makes of an episode."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbrl_fast.tasks import TASKS, Parking, ParkingTracker
from mbrl_fast.tasks.parking import goal_reward

GOAL = np.array([0.1, 0.14, 0.0, 0.0, 0.0, 1.0])


def at(offset: float = 0.0, speed: float = 0.0, turn: float = 0.0) -> dict[str, Any]:
    """An observation beside the goal: metres along x, metres per second, degrees."""
    heading = np.pi / 2 + np.deg2rad(turn)
    state = np.array([0.1 + offset / 100, 0.14, 0.0, speed / 5, np.cos(heading), np.sin(heading)])
    return {"observation": state, "achieved_goal": state, "desired_goal": GOAL}


def told(crashed: bool = False, action: Any = (0.0, 0.0)) -> dict[str, Any]:
    return {"crashed": crashed, "is_success": False, "action": np.array(action), "speed": 0.0}


def follow(*steps: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    tracker = ParkingTracker()
    for step in steps:
        tracker.update(*step)
    return {**tracker.metrics(), "done": tracker.done}


@pytest.fixture(scope="module")
def env() -> Any:
    env = Parking().make_env()
    yield env
    env.close()


def test_the_task_is_registered_by_name() -> None:
    assert TASKS["parking"]().name == "parking"


def test_the_environment_has_the_documented_sizes_bounds_and_steps(env: Any) -> None:
    task = Parking()
    config = env.unwrapped.config
    assert env.action_space.shape == (task.action_size,)
    np.testing.assert_array_equal(env.action_space.low, task.action_low)
    np.testing.assert_array_equal(env.action_space.high, task.action_high)
    assert 1 / config["policy_frequency"] == task.dt
    assert config["observation"]["scales"] == [100, 100, 5, 5, 1, 1]
    assert config["observation"]["features"] == list(task.state_names)
    assert config["add_walls"]


def test_observe_gives_state_and_goal_as_float32(env: Any) -> None:
    observation, _ = env.reset(seed=3)
    state, inputs = Parking().observe(observation)
    assert state.dtype == inputs["goal"].dtype == np.float32
    np.testing.assert_allclose(state, observation["observation"], rtol=1e-6)
    np.testing.assert_allclose(inputs["goal"], observation["desired_goal"], rtol=1e-6)


def test_a_reset_with_a_seed_is_repeatable(env: Any) -> None:
    first, second = (Parking().observe(env.reset(seed=5)[0]) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1]["goal"], second[1]["goal"])


@pytest.mark.parametrize("stop", [True, False])
def test_success_ends_the_episode_only_when_asked_to(stop: bool) -> None:
    env = Parking().make_env(stop_at_success=stop)
    env.reset(seed=0)
    car = env.unwrapped.vehicle
    car.position, car.heading = car.goal.position.copy(), car.goal.heading
    observation, reward, terminated, truncated, _ = env.step(np.zeros(2))
    env.close()
    assert reward == pytest.approx(goal_reward(observation["observation"], observation["desired_goal"]), abs=1e-6)
    assert reward > -0.12
    assert (terminated, truncated) == (stop, False)


def test_the_episode_is_truncated_at_max_steps_exactly() -> None:
    env = Parking(max_steps=7).make_env()
    env.reset(seed=0)
    assert [env.step(np.zeros(2))[3] for _ in range(7)] == [False] * 6 + [True]
    env.close()


def test_walls_can_be_left_out() -> None:
    env = Parking(walls=False).make_env()
    env.reset(seed=0)
    env.unwrapped.vehicle.position = np.array([34.0, 0.0])
    assert not env.step(np.zeros(2))[4]["crashed"]
    env.close()


def test_touching_a_wall_ends_the_episode_as_a_crash(env: Any) -> None:
    env.reset(seed=0)
    env.unwrapped.vehicle.position = np.array([34.0, 0.0])
    observation, _, terminated, _, info = env.step(np.zeros(2))
    tracker = Parking().tracker()
    tracker.update(observation, info)
    assert terminated
    assert tracker.done
    assert tracker.metrics()["crash"]


def test_making_and_stepping_the_environment_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = Parking().make_env()
        env.reset(seed=0)
        action = np.zeros(2, np.float32)
        env.step(action)
        env.step(action)
        env.close()


def test_strict_success_is_held_for_five_steps() -> None:
    result = follow(*[(at(), told())] * 5)
    assert result["strict"]
    assert result["done"]
    assert (result["steps_to_success"], result["steps_to_strict"], result["steps"]) == (1, 5, 5)


@pytest.mark.parametrize("restless", [at(speed=0.6), at(speed=-0.6), at(turn=11.0), at(turn=-11.0), at(offset=1.5)])
def test_moving_turning_or_leaving_the_spot_starts_the_hold_anew(restless: dict[str, Any]) -> None:
    result = follow(*[(at(), told())] * 4, (restless, told()), *[(at(), told())] * 4)
    assert not result["strict"]
    assert not result["done"]
    assert result["success"]


def test_driving_through_the_spot_is_success_but_not_strict() -> None:
    result = follow((at(offset=5, speed=9), told()), (at(speed=9), told()), (at(offset=-5, speed=9), told()))
    assert (result["success"], result["strict"], result["steps_to_success"]) == (True, False, 2)


def test_a_crash_before_success_is_a_crash() -> None:
    result = follow((at(offset=5), told()), (at(offset=5), told(crashed=True)))
    assert (result["crash"], result["success"], result["crash_after_success"], result["done"]) == (True, False, False, True)


def test_a_crash_in_the_spot_is_not_a_success() -> None:
    result = follow((at(), told(crashed=True)))
    assert (result["crash"], result["success"]) == (True, False)


def test_a_crash_after_success_counts_only_against_strict() -> None:
    result = follow((at(), told()), (at(offset=5), told(crashed=True)))
    assert (result["crash"], result["success"], result["crash_after_success"], result["strict"]) == (False, True, True, False)


def test_the_return_ends_where_the_environment_would_end_the_episode() -> None:
    through = follow((at(offset=5), told()), (at(), told()), (at(offset=9), told()))
    assert through["return"] == pytest.approx(-np.sqrt(0.05), abs=1e-6)
    assert follow((at(offset=5), told(crashed=True)))["return"] == pytest.approx(-np.sqrt(0.05) - 5.0, abs=1e-6)


def test_the_action_rate_is_the_mean_change_of_an_action_entry() -> None:
    result = follow(*[(at(offset=5), told(action=action)) for action in ([0, 0], [1, 0], [1, -1])])
    assert result["action_rate"] == pytest.approx(0.5)


def test_an_action_array_that_is_reused_by_the_caller_is_still_measured() -> None:
    tracker, action = ParkingTracker(), np.zeros(2)
    tracker.update(at(), {"crashed": False, "action": action})
    action[:] = 1.0
    tracker.update(at(), {"crashed": False, "action": action})
    assert tracker.metrics()["action_rate"] == 1.0


def test_updating_a_finished_tracker_is_refused() -> None:
    tracker = ParkingTracker()
    tracker.update(at(), told(crashed=True))
    with pytest.raises(ValueError, match="the episode is over"):
        tracker.update(at(), told())


@pytest.mark.parametrize(
    ("observation", "sentence"),
    [
        (np.zeros(6), 'must be a dictionary with "observation"'),
        ({"observation": np.zeros(6)}, 'must be a dictionary with "desired_goal"'),
        ({"observation": np.zeros(5), "desired_goal": np.zeros(6)}, r"shape \(6,\) or \(B, 6\), got shape \(5,\)"),
        ({"observation": np.array([0, 0, np.nan, 0, 1, 0]), "desired_goal": np.zeros(6)}, r"finite, got nan at \[2\] \(vx\)"),
    ],
)
def test_a_bad_observation_is_refused_with_a_sentence(observation: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Parking().observe(observation)


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="max_steps must be at least 1, got max_steps=0"):
        Parking(max_steps=0)
    with pytest.raises(ValueError, match="render_mode must be None"):
        Parking().make_env(render_mode="ansi")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 4), min_size=0, max_size=2))
def test_symmetries_keep_speed_distance_and_the_relation_of_travel_to_heading(seed: int, shape: list[int]) -> None:
    generator = np.random.default_rng(seed)
    states, next_states = (generator.normal(size=(*shape, 6)).astype(np.float32) for _ in range(2))
    actions = generator.uniform(-1, 1, (*shape, 2)).astype(np.float32)
    turned, turned_actions, turned_next = Parking().symmetries(states, actions, next_states, generator)
    assert turned.dtype == turned_next.dtype == turned_actions.dtype == np.float32
    np.testing.assert_array_equal(turned_actions[..., 0], actions[..., 0])
    np.testing.assert_array_equal(np.abs(turned_actions[..., 1]), np.abs(actions[..., 1]))
    for before, after in ((states, turned), (next_states, turned_next), (next_states - states, turned_next - turned)):
        for i in (0, 2, 4):
            np.testing.assert_allclose(np.hypot(*_pair(after, i)), np.hypot(*_pair(before, i)), atol=1e-5)
        along = [(state[..., 2:4] * state[..., 4:]).sum(-1) for state in (before, after)]
        np.testing.assert_allclose(along[1], along[0], atol=1e-4)


def _pair(states: np.ndarray, i: int) -> tuple[np.ndarray, np.ndarray]:
    return states[..., i], states[..., i + 1]


def test_errors_are_in_physical_units_and_the_short_way_round() -> None:
    heading = np.deg2rad([179.0, -179.0])
    predicted, actual = ([0.03, 0.04, 0.6, 0.8, np.cos(h), np.sin(h)] for h in heading)
    actual[:4] = [0.0] * 4
    errors = Parking().errors(np.array(predicted), np.array(actual))
    assert errors["position [m]"] == pytest.approx(5.0)
    assert errors["speed [m/s]"] == pytest.approx(5.0)
    assert errors["heading [rad]"] == pytest.approx(np.deg2rad(2.0))


def test_observe_takes_a_batch_of_observations() -> None:
    batch = {key: np.stack([at(3.0)[key], at(4.0)[key]]) for key in ("observation", "desired_goal")}
    states, inputs = Parking().observe(batch)
    assert states.shape == inputs["goal"].shape == (2, 6)


def test_parked_cars_are_in_the_observation_and_stand_in_other_spots_than_the_goal() -> None:
    task = TASKS["parking-parked"]()
    assert (task.name, task.parked_cars, task.inputs) == ("parking-parked", 10, {"goal": (6,), "obstacles": (10, 5)})
    env = task.make_env()
    observation, _ = env.reset(seed=2)
    assert env.observation_space.contains(observation)
    state, inputs = task.observe(observation)
    assert (state.shape, inputs["obstacles"].shape, inputs["obstacles"].dtype) == ((6,), (10, 5), np.float32)
    others = [car for car in env.unwrapped.road.vehicles if car is not env.unwrapped.vehicle]
    for row, car in zip(inputs["obstacles"], others, strict=True):
        expected = [1.0, *(car.position / 100), np.cos(car.heading), np.sin(car.heading)]
        np.testing.assert_allclose(row, expected, atol=1e-6)
        assert np.abs(row[1:3] - inputs["goal"][:2]).max() > 0.03
    moved, *_ = env.step(np.zeros(2, np.float32))
    np.testing.assert_array_equal(moved["obstacles"], observation["obstacles"])
    env.close()


def test_rows_without_a_car_are_zero_and_too_many_cars_are_refused() -> None:
    from mbrl_fast.tasks.parked_cars import ParkedCars

    inner = Parking(parked_cars=2).make_env().env
    rows = ParkedCars(inner, 4).reset(seed=0)[0]["obstacles"]
    assert rows[:2, 0].tolist() == [1.0, 1.0]
    assert not rows[2:].any()
    with pytest.raises(ValueError, match="at most 1 parked cars, got 2"):
        ParkedCars(inner, 1).reset(seed=0)
    inner.close()


def test_running_into_a_parked_car_is_a_crash() -> None:
    env = Parking(parked_cars=10).make_env()
    observation, _ = env.reset(seed=0)
    env.unwrapped.vehicle.position = 100.0 * observation["obstacles"][0, 1:3]
    assert env.step(np.zeros(2, np.float32))[4]["crashed"]
    env.close()


def test_without_parked_cars_there_are_no_obstacles() -> None:
    assert Parking().inputs == {"goal": (6,)}
    assert "obstacles" not in Parking().observe(at())[1]


@pytest.mark.parametrize(
    ("obstacles", "sentence"),
    [
        (None, 'must be a dictionary with "obstacles"'),
        (np.zeros((3, 4)), r"shape \(2, 5\) or \(B, 2, 5\), got shape \(3, 4\)"),
        (np.full((2, 5), np.inf), '"obstacles" must be finite'),
    ],
)
def test_bad_obstacles_are_refused_with_a_sentence(obstacles: Any, sentence: str) -> None:
    observation = at() if obstacles is None else {**at(), "obstacles": obstacles}
    with pytest.raises(ValueError, match=sentence):
        Parking(parked_cars=2).observe(observation)
    with pytest.raises(ValueError, match=r"parked_cars must be 0\.\.26, got parked_cars=27"):
        Parking(parked_cars=27)
