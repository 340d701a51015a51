"""The inverted pendulum in MuJoCo: what success is, and that the recipe learns to keep it up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mbrl_fast.evaluation import evaluate
from mbrl_fast.pipeline import build, load_agent
from mbrl_fast.recipe import make_recipe
from mbrl_fast.run import new_run
from mbrl_fast.tasks import InvertedPendulum


def test_success_is_never_to_have_fallen() -> None:
    tracker = InvertedPendulum().tracker()
    tracker.update(np.array([5.0, -0.2, 9.0, 9.0]), {})
    assert tracker.metrics()["success"]
    tracker.update(np.array([0.0, 0.201, 0.0, 0.0]), {})
    assert not tracker.metrics()["success"]


def test_nothing_is_taken_for_symmetric_that_is_not() -> None:
    """The pole is out of plumb: pushed alike to either side it does not fall alike."""
    task, moved = InvertedPendulum(), []
    env = task.make_env()
    for side in (1.0, -1.0):
        env.reset(seed=0)
        env.unwrapped.set_state(side * np.array([0.1, 0.05]), np.zeros(2))
        moved.append(side * env.step(np.array([side], np.float32))[0])
    env.close()
    assert np.abs(moved[0] - moved[1]).max() > 1e-4
    states, actions = np.ones((3, 4), np.float32), np.ones((3, 1), np.float32)
    given = task.symmetries(states, actions, states, np.random.default_rng(0))
    assert [value is expected for value, expected in zip(given, (states, actions, states), strict=True)] == [True] * 3


def test_the_recipe_learns_to_keep_the_pole_up(tmp_path: Path) -> None:
    task = InvertedPendulum(max_steps=300)
    with new_run(tmp_path / "run") as run:
        build(make_recipe("inverted-pendulum", seed=1, epochs=40), run, progress=False)
    result = evaluate(load_agent(tmp_path / "run" / run.problem.name, task.planner_settings(), task), task, 2, 1000)
    assert [episode.rewards.sum() for episode in result.episodes] == [300.0, 300.0]
