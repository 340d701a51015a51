"""Beside stable-baselines3: its evaluation drives with our agent, its checker takes our environments."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from mbrl_fast.agent import Agent
from mbrl_fast.episode import run_episode
from mbrl_fast.models import Bicycle, PendulumModel
from mbrl_fast.pipeline import export_for, make_planner
from mbrl_fast.tasks import TASKS, Parking, Pendulum


def agent_for(task: Any, model: Any) -> Agent:
    return Agent(make_planner(export_for(task, [model]), task.planner_settings()), task)


def test_evaluate_policy_parks_cars_of_several_environments_at_once() -> None:
    task = Parking(max_steps=60)
    venv = make_vec_env(lambda: task.make_env(stop_at_success=True), n_envs=2, seed=0)
    returns, lengths = evaluate_policy(agent_for(task, Bicycle()), venv, n_eval_episodes=4, return_episode_rewards=True)
    venv.close()
    assert len(returns) == 4
    assert max(lengths) < 60  # all ended by success: a crash costs 5
    assert min(returns) > -15


def test_evaluate_policy_drives_one_environment_as_an_episode_of_our_own() -> None:
    task = Pendulum(max_steps=30)
    agent = agent_for(task, PendulumModel())
    venv = make_vec_env(task.make_env, n_envs=1, seed=4)
    returns, lengths = evaluate_policy(agent, venv, n_eval_episodes=1, return_episode_rewards=True)
    venv.close()
    assert lengths == [30]
    assert returns[0] == pytest.approx(run_episode(agent, task, 4).metrics["return"], rel=1e-5)


@pytest.mark.parametrize("name", TASKS)
def test_stable_baselines3_finds_nothing_wrong_with_our_environments(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo logs into the working directory
    made = TASKS[name]().make_env()
    env = made
    if compute := getattr(made.unwrapped, "compute_reward", None):
        env = made.unwrapped  # of goals it asks for compute_reward, which wrappers do not pass on
        # it compares bits of one reward and of two, where NumPy adds in another order
        monkeypatch.setattr(env, "compute_reward", lambda *given: np.round(compute(*given), 12))
    env.action_space.seed(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "We recommend you to use a symmetric and normalized Box action space")
        check_env(env, skip_render_check=True)
    made.close()
