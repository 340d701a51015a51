"""What every task over a gymnasium environment keeps to: sizes, rewards, ends, batches; and that it trains and drives."""

from __future__ import annotations

import inspect
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import SyncVectorEnv

from mbrl_fast.evaluation import evaluate
from mbrl_fast.online.settings import make_settings
from mbrl_fast.pipeline import build, load_agent
from mbrl_fast.recipe import Recipe
from mbrl_fast.run import new_run
from mbrl_fast.tasks import TASKS, GymTask

NAMES = [name for name, make in TASKS.items() if isinstance(make(), GymTask)]
IN_MUJOCO = ["cartpole-swingup", "inverted-pendulum", "reacher", "half-cheetah"]
SMALL = {"horizon": 3, "steps_per_knot": 1, "population": 8, "elites": 3, "keep_elites": 1, "iterations": 1}


def steps(task: Any, episodes: int, seed: int = 0) -> list[tuple[dict[str, np.ndarray], float, bool]]:
    """What a reward may ask of random steps, the environment's reward, and whether it ended the episode."""
    env, generator, found = task.make_env(), np.random.default_rng(seed), []
    for number in range(episodes):
        state, inputs = task.observe(env.reset(seed=seed + number)[0])
        ended = False
        while not ended:
            action = generator.uniform(task.action_low, task.action_high).astype(np.float32)
            observation, reward, terminated, truncated, _ = env.step(action)
            next_state = task.observe(observation)[0]
            known = {"state": state, "action": action, "next_state": next_state, **inputs}
            found.append((known, float(reward), terminated))
            state, ended = next_state, terminated or truncated
    env.close()
    return found


def test_the_tasks_are_registered_by_their_names() -> None:
    assert NAMES == ["pendulum", "cartpole", "cartpole-swingup", "inverted-pendulum", "reacher", "half-cheetah"]
    assert all(TASKS[name]().name == name for name in TASKS)


@pytest.mark.parametrize("name", NAMES)
def test_the_environment_has_the_documented_sizes_bounds_and_step(name: str) -> None:
    task = TASKS[name]()
    env = task.make_env()
    np.testing.assert_array_equal(env.action_space.low, task.action_low)
    np.testing.assert_array_equal(env.action_space.high, task.action_high)
    state, inputs = task.observe(env.reset(seed=0)[0])
    assert state.shape == (task.state_size,)
    assert {name: value.shape for name, value in inputs.items()} == task.inputs
    assert env.unwrapped.dt == pytest.approx(task.dt)
    assert len(task.state_names) == len(task.state_units) == task.state_size
    assert len(task.action_names) == len(task.action_units) == task.action_size
    env.close()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cartpole"])
def test_the_reward_is_the_environments(name: str) -> None:
    task = type(TASKS[name]())(max_steps=60)
    reward = task.reward()
    order = list(inspect.signature(reward.forward).parameters)
    # the tip of the reacher is that of the simulator's last sub-step, a little off where the elbow strikes its stop
    tolerance = 1e-2 if name == "reacher" else 2e-5
    differences = []
    for known, expected, _ in steps(task, 5):
        ours = float(reward(*(torch.from_numpy(known[argument]) for argument in order)))
        assert ours == pytest.approx(expected, abs=tolerance)
        differences.append(abs(ours - expected))
    assert np.mean(differences) < 2e-4


@pytest.mark.parametrize("name", NAMES)
def test_the_termination_is_the_environments(name: str) -> None:
    task = type(TASKS[name]())(max_steps=60)
    taken = steps(task, 20 if hasattr(task, "termination") else 1)
    assert any(ended for _, _, ended in taken) == hasattr(task, "termination")
    if hasattr(task, "termination"):
        states = torch.from_numpy(np.stack([known["next_state"] for known, _, _ in taken]))
        assert task.termination()(states).tolist() == [ended for _, _, ended in taken]


@pytest.mark.parametrize("name", NAMES)
def test_it_works_in_a_vector_of_environments(name: str) -> None:
    task, count = TASKS[name](), 3
    envs, alone = SyncVectorEnv([task.make_env] * count), task.make_env()
    observations, _ = envs.reset(seed=[5, 6, 7])
    states, inputs = task.observe(observations)
    assert states.shape == (count, task.state_size)
    assert {name: value.shape for name, value in inputs.items()} == {name: (count, *shape) for name, shape in task.inputs.items()}
    first, _ = alone.reset(seed=6)
    np.testing.assert_array_equal(states[1], task.observe(first)[0])
    action = 0.3 * task.action_high
    after = task.observe(envs.step(np.tile(action, (count, 1)))[0])[0]
    np.testing.assert_array_equal(after[1], task.observe(alone.step(action)[0])[0])
    envs.close()
    alone.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 3])
def test_the_episode_is_truncated_at_max_steps_exactly(name: str, count: int) -> None:
    task = type(TASKS[name]())(max_steps=count)
    env = task.make_env()
    env.reset(seed=0)
    assert [env.step(0 * task.action_high)[3] for _ in range(count)] == [False] * (count - 1) + [True]
    env.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_starts_the_same_and_another_does_not(name: str) -> None:
    env = TASKS[name]().make_env()
    first, second, other = (env.reset(seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    env.close()


@pytest.mark.parametrize("name", NAMES)
def test_making_and_stepping_the_environment_warns_of_nothing_and_leaves_no_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = TASKS[name]().make_env()
        env.reset(seed=0)
        env.step(env.action_space.sample())
        env.close()
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["cartpole", "cartpole-swingup", "reacher", "half-cheetah"])
def test_gymnasiums_checker_finds_nothing_wrong_with_what_is_made_here(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the checker makes the environment anew, and MuJoCo logs into the working directory then
    env: gymnasium.Env[Any, Any] = TASKS[name]().make_env()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*(infinity|different from the unwrapped|symmetric and normalized).*")
        check_env(env, skip_render_check=True)
    env.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_observation_is_refused_with_a_sentence(name: str) -> None:
    task = TASKS[name]()
    env = task.make_env()
    observation = np.asarray(env.reset(seed=0)[0], np.float64)
    env.close()
    size = len(observation)
    with pytest.raises(ValueError, match=rf"^the observation must have shape \({size},\) or \(B, {size}\), got shape \(1,\)$"):
        task.observe([0.0])
    for bad in (np.nan, np.inf, 1e300):
        observation[1] = bad
        with pytest.raises(ValueError, match=r"^the observation must be finite, got (nan|inf) at \[1\] \(.+\)$"):
            task.observe(observation)


@pytest.mark.parametrize("name", NAMES)
def test_errors_are_none_for_the_same_and_something_for_another_state(name: str) -> None:
    task, generator = TASKS[name](), np.random.default_rng(0)
    states, others = generator.normal(size=(2, 4, 5, task.state_size)).astype(np.float32)
    same, apart = task.errors(states, states), task.errors(states, others)
    assert all(value.shape == (4, 5) and not value.any() for value in same.values())
    assert all((value > 0).all() for value in apart.values())
    assert all(quantity.endswith("]") for quantity in apart)


@pytest.mark.parametrize("name", NAMES)
def test_bad_options_are_refused(name: str) -> None:
    kind = type(TASKS[name]())
    with pytest.raises(ValueError, match="max_steps must be at least 1, got max_steps=0"):
        kind(max_steps=0)
    with pytest.raises(ValueError, match='render_mode must be None, "rgb_array" or "human", got render_mode=\'ansi\''):
        kind().make_env(render_mode="ansi")


@pytest.mark.parametrize("name", IN_MUJOCO)
def test_without_mujoco_a_sentence_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(ImportError, match=rf"^the task {name} needs gymnasium and mujoco: pip install 'mbrl-fast\[mujoco\]' \("):
        TASKS[name]().make_env()
    with pytest.raises(ImportError, match=r'^training needs mujoco: pip install "mbrl-fast\[train,mujoco\]"$'):
        build(Recipe(name), None)  # type: ignore[arg-type] # refused before the run folder is touched


@pytest.mark.parametrize("name", TASKS)
def test_what_a_task_recommends_for_pets_is_accepted(name: str) -> None:
    settings = make_settings(name)
    assert settings.members == TASKS[name]().pets["members"]
    assert settings.planner_options()["horizon"] == TASKS[name]().pets["planner_settings"]["horizon"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "pendulum"])
def test_it_trains_and_drives(name: str, tmp_path: Path) -> None:
    with new_run(tmp_path / "run") as run:
        build(Recipe(name, transitions=450, members=2, hidden_size=8, epochs=1), run, progress=False)
    task = TASKS[name]()
    agent = load_agent(tmp_path / "run" / run.problem.name, {**task.planner_settings(), **SMALL}, task)
    line = evaluate(agent, task, 1, 0, max_steps=3).to_dict()
    assert np.isfinite(line["mean_return"])
    assert ("success_rate" in line) == (name != "half-cheetah")
