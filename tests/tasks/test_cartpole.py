"""The balanced cart-pole: its environment's rules, what success is, and that a planner keeps the pole up."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mbrl_fast.agent import Agent
from mbrl_fast.evaluation import evaluate
from mbrl_fast.models import CartPoleModel
from mbrl_fast.pipeline import export_for, make_planner
from mbrl_fast.planners import CEM
from mbrl_fast.tasks import CartPole
from mbrl_fast.tasks.envs.cartpole import ContinuousCartPole


def test_every_step_gives_one_that_of_the_fall_too_and_those_beyond_nothing() -> None:
    env = ContinuousCartPole()
    env.reset(seed=0)
    outcomes = [env.step(np.ones(1, np.float32))[1:3] for _ in range(20)]
    fall = [ended for _, ended in outcomes].index(True)
    assert 5 < fall < 15
    assert [reward for reward, _ in outcomes] == [1.0] * (fall + 1) + [0.0] * (19 - fall)


def test_the_planners_reward_is_the_environments_but_for_the_fall() -> None:
    env, reward = CartPole().make_env(), CartPole().reward()
    env.reset(seed=0)
    ended = False
    while not ended:
        observation, expected, ended, _, _ = env.step(np.ones(1, np.float32))
        assert float(reward(torch.from_numpy(observation))) == expected - ended
    env.close()


@pytest.mark.parametrize(
    ("state", "ends"),
    [
        ([2.39, 0, 0, 0], False),
        ([-2.41, 0, 0, 0], True),
        ([0, 0, math.radians(11.9), 0], False),
        ([0, 0, -math.radians(12.1), 0], True),
        ([0, 50, 0, -50], False),
    ],
)
def test_an_episode_ends_beyond_the_limits(state: list[float], ends: bool) -> None:
    env = ContinuousCartPole()
    env.reset(seed=0)
    env.state = np.array(state) - env.dt * np.array([state[1], 0, state[3], 0])
    assert env.step(np.zeros(1, np.float32))[2] == ends
    assert bool(CartPole().termination()(torch.tensor(state, dtype=torch.float32))) == ends


def test_success_is_never_to_have_fallen() -> None:
    tracker = CartPole().tracker()
    for angle in (0.0, 0.2, -0.2):
        tracker.update(np.array([0.0, 0.0, angle, 0.0], np.float32), {})
    assert tracker.metrics() == {"success": True, "steps_to_success": None, "steps": 3}
    tracker.update(np.array([0.0, 0.0, 0.22, 0.0], np.float32), {})
    tracker.update(np.zeros(4, np.float32), {})
    assert tracker.metrics() == {"success": False, "steps_to_success": None, "steps": 5}


def test_symmetries_are_equally_true() -> None:
    generator, model = np.random.default_rng(0), CartPoleModel()
    states, actions = (generator.uniform(-1, 1, (50, size)).astype(np.float32) for size in (4, 1))
    moved = model(torch.from_numpy(states), torch.from_numpy(actions)).numpy()
    mirrored, forces, after = CartPole().symmetries(states, actions, moved, generator)
    assert 0 < (forces != actions).sum() < 50
    assert mirrored.dtype == forces.dtype == after.dtype == np.float32
    np.testing.assert_allclose(model(torch.from_numpy(mirrored), torch.from_numpy(forces)).numpy(), after, atol=1e-6)


@pytest.mark.parametrize("settings", [CartPole().planner_settings(), CartPole.pets["planner_settings"]], ids=["cem", "pets"])
def test_the_recommended_planners_keep_the_pole_up_with_the_exact_model(settings: dict[str, object]) -> None:
    task = CartPole()
    planner = make_planner(export_for(task, [CartPoleModel()]), settings)
    assert isinstance(planner, CEM)
    result = evaluate(Agent(planner, task), task, 5, 100)
    assert [episode.rewards.sum() for episode in result.episodes] == [200.0] * 5
    assert result.rate("success") == 1.0
