"""The pendulum task: its environment's rules, and what the tracker makes of an episode."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mbrl_fast.evaluation import evaluate
from mbrl_fast.export import export
from mbrl_fast.models import PendulumModel
from mbrl_fast.pipeline import build, load_agent, make_planner
from mbrl_fast.planners import CEM, Refined
from mbrl_fast.recipe import Recipe, make_recipe
from mbrl_fast.run import new_run
from mbrl_fast.tasks import TASKS, Delayed, Pendulum, PendulumTracker

SMALL = {"horizon": 8, "population": 16, "elites": 4, "keep_elites": 2, "iterations": 2}


def at(angle: float, velocity: float = 0.0) -> np.ndarray:
    return np.array([np.cos(angle), np.sin(angle), velocity], np.float32)


def test_the_task_is_registered_by_name() -> None:
    assert TASKS["pendulum"]().name == "pendulum"


def test_the_environment_has_the_documented_sizes_bounds_and_step() -> None:
    task = Pendulum()
    env = task.make_env()
    assert env.action_space.shape == (task.action_size,)
    assert env.observation_space.shape == (task.state_size,)
    np.testing.assert_array_equal(env.action_space.low, task.action_low)
    np.testing.assert_array_equal(env.action_space.high, task.action_high)
    assert env.unwrapped.dt == task.dt
    env.close()


@pytest.mark.parametrize("steps", [1, 7])
def test_the_episode_is_truncated_at_max_steps_exactly(steps: int) -> None:
    env = Pendulum(max_steps=steps).make_env()
    env.reset(seed=0)
    assert [env.step(np.zeros(1, np.float32))[3] for _ in range(steps)] == [False] * (steps - 1) + [True]
    env.close()


def test_making_and_stepping_the_environment_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = Pendulum().make_env()
        env.reset(seed=0)
        env.step(np.ones(1, np.float32))
        env.close()


def test_observe_takes_one_observation_or_a_batch() -> None:
    state, inputs = Pendulum().observe(at(0.5))
    assert state.dtype == np.float32
    assert inputs == {}
    assert Pendulum().observe(np.stack([at(0.5), at(1.0)]))[0].shape == (2, 3)


@pytest.mark.parametrize(
    ("observation", "sentence"),
    [(np.zeros(2), r"shape \(3,\) or \(B, 3\), got shape \(2,\)"), ([1.0, 0.0, np.nan], r"finite, got nan at \[2\] \(velocity\)")],
)
def test_a_bad_observation_is_refused_with_a_sentence(observation: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Pendulum().observe(observation)


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="max_steps must be at least 1, got max_steps=0"):
        Pendulum(max_steps=0)
    with pytest.raises(ValueError, match="render_mode must be None"):
        Pendulum().make_env(render_mode="ansi")


def test_success_is_a_second_upright_at_the_end() -> None:
    tracker = PendulumTracker()
    for _ in range(19):
        tracker.update(at(0.1, 0.4), {})
    assert not tracker.metrics()["success"]
    tracker.update(at(-0.1), {})
    assert tracker.metrics() == {"success": True, "steps_to_success": 20, "steps": 20}
    tracker.update(at(0.3), {})
    assert tracker.metrics() == {"success": False, "steps_to_success": 20, "steps": 21}


@pytest.mark.parametrize("state", [at(0.21), at(0.0, 0.6), at(np.pi), at(0.0, -0.6)])
def test_leaning_or_moving_is_not_upright(state: np.ndarray) -> None:
    tracker = PendulumTracker()
    for _ in range(30):
        tracker.update(state, {})
    assert not tracker.metrics()["success"]


def test_symmetries_are_equally_true() -> None:
    import torch

    generator, model = np.random.default_rng(0), PendulumModel()
    states = np.stack([at(a, v) for a, v in generator.uniform(-3, 3, (50, 2))])
    actions = generator.uniform(-2, 2, (50, 1)).astype(np.float32)
    moved = model(torch.from_numpy(states), torch.from_numpy(actions)).numpy()
    mirrored, torques, after = Pendulum().symmetries(states, actions, moved, generator)
    assert 0 < (torques != actions).sum() < 50
    assert mirrored.dtype == torques.dtype == after.dtype == np.float32
    np.testing.assert_allclose(model(torch.from_numpy(mirrored), torch.from_numpy(torques)).numpy(), after, atol=1e-6)


def test_errors_are_in_physical_units_and_the_short_way_round() -> None:
    errors = Pendulum().errors(at(np.deg2rad(179), 1.0), at(np.deg2rad(-179), -1.0))
    assert errors["angle [rad]"] == pytest.approx(np.deg2rad(2), abs=1e-6)
    assert errors["velocity [rad/s]"] == pytest.approx(2.0)


def test_a_late_action_is_a_whole_number_of_steps() -> None:
    task = Delayed(Pendulum(), 0.1, Pendulum.substeps)
    env = task.make_env()
    env.reset(seed=0)
    first = [env.step(np.array([2.0], np.float32))[0] for _ in range(2)]
    env.reset(seed=0)
    assert task.seconds == pytest.approx(0.1)
    np.testing.assert_array_equal([env.step(np.array([-2.0], np.float32))[0] for _ in range(2)], first)
    env.close()


def test_training_and_driving_need_nothing_of_parking(tmp_path: Path) -> None:
    with new_run(tmp_path / "run") as run:
        build(Recipe("pendulum", transitions=450, members=2, hidden_size=8, epochs=1), run, progress=False)
    agent = load_agent(tmp_path / "run" / run.problem.name, SMALL, Pendulum())
    line = evaluate(agent, Pendulum(), 1, 0, max_steps=5).to_dict()
    assert {"success_rate", "mean_return"} <= line.keys()
    assert not {"strict_rate", "crash_rate"} & line.keys()
    assert line["mean_return"] < 0.0


def test_the_default_settings_swing_the_rod_up() -> None:
    task = Pendulum()
    from mbrl_fast.agent import Agent

    problem = export(PendulumModel(), task.reward(), env=task)
    assert problem.reward_bound == 0.0
    result = evaluate(Agent(make_planner(problem, task.planner_settings()), task), task, 1, 7)
    assert result.rate("success") == 1.0
    assert result.episodes[0].metrics["return"] == pytest.approx(result.episodes[0].rewards.sum())


def test_settings_with_refine_make_a_sampler_and_an_ilqr_that_share_what_they_must() -> None:
    task = Pendulum()
    problem = export(PendulumModel(), task.reward(), env=task)
    assert isinstance(make_planner(problem, SMALL), CEM)
    planner = make_planner(problem, {**SMALL, "steps_per_knot": 2, "discount": 0.9, "refine": {"iterations": 3}})
    assert isinstance(planner, Refined)
    assert planner.sampler.settings.population == 16
    refiner = planner.refiner.settings
    assert (refiner.horizon, refiner.steps_per_knot, refiner.discount, refiner.iterations) == (8, 2, 0.9, 3)
    with pytest.raises(TypeError, match="unknown setting 'population'"):
        make_planner(problem, {**SMALL, "refine": {"population": 3}})


def test_the_recipe_learns_the_rods_step_from_400_transitions(tmp_path: Path) -> None:
    """Fewer members and epochs than it says, to be quick; its data whole."""
    recipe = make_recipe("pendulum", seed=5, members=1, epochs=60)
    assert recipe.real_transitions == 400
    with new_run(tmp_path / "run") as run:
        built = build(recipe, run, progress=False)
    assert len(built.data) == 400
    lengths = np.bincount(built.data.episodes)
    assert lengths.max() == 50
    assert (lengths == 20).sum() == 10
    generator = np.random.default_rng(0)
    states = np.stack([at(angle, speed) for angle, speed in generator.uniform((-3, -4), (3, 4), (200, 2))])
    inputs = torch.from_numpy(states), torch.from_numpy(generator.uniform(-2, 2, (200, 1)).astype(np.float32))
    with torch.no_grad():
        errors = Pendulum().errors(built.models[0](*inputs).numpy(), PendulumModel()(*inputs).numpy())
    assert errors["angle [rad]"].mean() < 0.005
    assert errors["velocity [rad/s]"].mean() < 0.05
