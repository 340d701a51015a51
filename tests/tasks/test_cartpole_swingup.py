"""The paper's cart-pole: its physical numbers, what success is, and that the recipe learns to swing it up."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from mbrl_fast.evaluation import evaluate
from mbrl_fast.pipeline import build, load_agent
from mbrl_fast.recipe import make_recipe
from mbrl_fast.run import new_run
from mbrl_fast.tasks import CartPoleSwingUp, SwingUpTracker
from mbrl_fast.tasks.envs.cartpole_swingup import CartPoleSwingUp as Environment


def capsule(radius: float, length: float) -> float:
    """Mass in kg at MuJoCo's density of 1000 kg/m³."""
    return 1000.0 * math.pi * radius**2 * (length + 4.0 / 3.0 * radius)


def test_masses_damping_and_limits_are_the_papers() -> None:
    model = Environment().model
    pole = math.hypot(0.6, 0.001)
    np.testing.assert_allclose(model.body_mass[1:], [capsule(0.1, 0.2), capsule(0.049, pole)], rtol=1e-6)
    np.testing.assert_array_equal(model.dof_damping, [1.0, 1.0])
    np.testing.assert_array_equal(model.dof_armature, [0.0, 0.0])
    np.testing.assert_array_equal(model.jnt_range[0], [-2.5, 2.5])
    assert model.jnt_limited.tolist() == [1, 0]
    assert (model.actuator_gear[0, 0], model.opt.timestep, model.opt.gravity[2]) == (100.0, 0.02, -9.81)
    assert model.opt.integrator == 1  # Runge–Kutta of fourth order


def test_an_episode_starts_hanging_near_the_middle() -> None:
    env = Environment()
    starts = np.stack([env.reset(seed=seed)[0] for seed in range(300)])
    np.testing.assert_allclose(starts.mean(0), 0.0, atol=0.03)
    np.testing.assert_allclose(starts.std(0), 0.1, atol=0.015)
    assert env.step(np.zeros(1, np.float32))[1] < 0.1


def test_left_alone_the_pole_keeps_hanging_and_upside_down_the_reward_is_one() -> None:
    env = Environment()
    env.reset(seed=0)
    for _ in range(500):
        observation = env.step(np.zeros(1, np.float32))[0]
    assert abs(observation[1]) < 0.01
    env.set_state(np.array([0.0, np.pi]), np.zeros(2))
    assert env.step(np.zeros(1, np.float32))[1] == pytest.approx(1.0, abs=1e-3)


def at(position: float, angle: float) -> np.ndarray:
    return np.array([position, angle, 0.0, 0.0])


def test_success_is_a_second_upright_in_the_middle_at_the_end() -> None:
    tracker = SwingUpTracker()
    for turn in range(24):
        tracker.update(at(0.05, np.pi * (1 - 2 * (turn % 2)) + 0.05), {})
    assert not tracker.metrics()["success"]
    tracker.update(at(0.0, 3 * np.pi), {})
    assert tracker.metrics() == {"success": True, "steps_to_success": 25, "steps": 25}
    tracker.update(at(0.2, np.pi), {})
    assert tracker.metrics() == {"success": False, "steps_to_success": 25, "steps": 26}


@pytest.mark.parametrize("state", [at(0.0, 0.0), at(0.2, np.pi), at(0.0, np.pi + 0.3)])
def test_hanging_leaning_or_standing_aside_is_not_up(state: np.ndarray) -> None:
    tracker = SwingUpTracker()
    for _ in range(30):
        tracker.update(state, {})
    assert not tracker.metrics()["success"]


def test_the_recipe_learns_to_swing_the_pole_up(tmp_path: Path) -> None:
    """With a smaller network and fewer epochs than it says, to be quick: up within 3 s, and not yet always still."""
    task = CartPoleSwingUp(max_steps=120)
    with new_run(tmp_path / "run") as run:
        build(make_recipe("cartpole-swingup", seed=4, members=1, hidden_size=64, epochs=60), run, progress=False)
    episode = evaluate(load_agent(tmp_path / "run" / run.problem.name, task.planner_settings(), task), task, 1, 1000).episodes[0]
    near = episode.rewards + 0.01 * np.square(episode.actions[:, 0])
    assert near.max() > 0.9
    assert episode.rewards.sum() > 50
