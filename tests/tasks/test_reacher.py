"""The reacher: what it observes, its geometry and symmetries, and that the recipe learns to reach."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mbrl_fast.evaluation import evaluate
from mbrl_fast.pipeline import build, load_agent
from mbrl_fast.recipe import make_recipe
from mbrl_fast.run import new_run
from mbrl_fast.tasks import Reacher, ReacherTracker
from mbrl_fast.tasks.reacher import tip


def test_what_the_environment_itself_observes_follows_from_the_state() -> None:
    task = Reacher()
    env, generator = task.make_env(), np.random.default_rng(0)
    env.reset(seed=0)
    for _ in range(50):
        observation = env.step(generator.uniform(-1, 1, 2).astype(np.float32))[0]
        own = env.unwrapped._get_obs()
        state, inputs = task.observe(observation)
        np.testing.assert_allclose(np.concatenate([np.cos(state[:2]), np.sin(state[:2])]), own[:4], atol=1e-6)
        np.testing.assert_allclose(inputs["goal"], own[4:6], atol=1e-6)
        np.testing.assert_allclose(state[2:], own[6:8], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(tip(state) - inputs["goal"], own[8:], atol=2e-3)
    env.close()


def test_angles_are_not_wrapped() -> None:
    env = Reacher().make_env()
    env.reset(seed=0)
    first = [env.step(np.array([1.0, 0.0], np.float32))[0][0] for _ in range(50)]
    env.close()
    assert first[-1] > 2 * np.pi
    assert (np.diff(first) > 0).all()


def test_the_tip_is_where_the_links_end() -> None:
    np.testing.assert_allclose(
        tip([[0.0, 0.0], [np.pi / 2, 0.0], [0.0, np.pi / 2]]), [[0.21, 0], [0, 0.21], [0.1, 0.11]], atol=1e-9
    )


def test_symmetries_are_equally_true() -> None:
    task, generator = Reacher(), np.random.default_rng(0)
    env = task.make_env()
    env.reset(seed=0)

    def moved(state: np.ndarray, action: np.ndarray) -> np.ndarray:
        qpos, qvel = env.unwrapped.data.qpos.copy(), env.unwrapped.data.qvel.copy()
        qpos[:2], qvel[:2] = state[:2], state[2:]
        env.unwrapped.set_state(qpos, qvel)
        env.unwrapped.step(action)
        return np.concatenate([env.unwrapped.data.qpos[:2], env.unwrapped.data.qvel[:2]])

    states = generator.uniform((-3, -2, -5, -5), (3, 2, 5, 5), (20, 4)).astype(np.float32)
    actions = generator.uniform(-1, 1, (20, 2)).astype(np.float32)
    after = np.stack([moved(*pair) for pair in zip(states, actions, strict=True)]).astype(np.float32)
    turned, torques, turned_after = task.symmetries(states, actions, after, generator)
    assert 0 < (torques != actions).all(1).sum() < 20
    assert turned.dtype == torques.dtype == turned_after.dtype == np.float32
    again = np.stack([moved(*pair) for pair in zip(turned, torques, strict=True)])
    np.testing.assert_allclose(again, turned_after, atol=1e-4)
    env.close()


def test_success_is_to_touch_the_target_at_the_end() -> None:
    tracker = ReacherTracker()
    for distance in (0.1, 0.018):
        tracker.update(np.array([0.0, 0.0, 0.21 + distance, 0.0, 0.0, 0.0]), {})
    assert tracker.metrics() == {"success": True, "distance": pytest.approx(0.018), "steps_to_success": 2, "steps": 2}
    tracker.update(np.array([0.0, 0.0, 0.21 + 0.02, 0.0, 0.0, 0.0]), {})
    assert not tracker.metrics()["success"]
    assert tracker.metrics()["steps_to_success"] == 2


def test_the_recipe_learns_to_reach(tmp_path: Path) -> None:
    """With one member and fewer epochs than it says, to be quick."""
    task = Reacher()
    with new_run(tmp_path / "run") as run:
        build(make_recipe("reacher", seed=1, members=1, epochs=40), run, progress=False)
    result = evaluate(load_agent(tmp_path / "run" / run.problem.name, task.planner_settings(), task), task, 10, 1000)
    assert result.count("success") >= 9
    assert result.to_dict()["mean_return"] > -6
