"""Episodes side by side, and what is equal to driving them one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mbrl_fast as mf
from mbrl_fast.agent import Agent
from mbrl_fast.episode import Episode
from mbrl_fast.evaluation import evaluate
from mbrl_fast.models import PendulumModel
from mbrl_fast.rewards import PendulumReward
from mbrl_fast.tasks import Parking, Pendulum
from mbrl_fast.vector_evaluation import evaluate_vector, info_of, row_of


@pytest.fixture(scope="module")
def problem() -> mf.Problem:
    return mf.export(PendulumModel(), PendulumReward(), env=Pendulum())


def cem(problem: mf.Problem, **given: Any) -> Agent:
    planner = mf.CEM(problem, **{"horizon": 5, "steps_per_knot": 1, "population": 20, "elites": 4, "iterations": 2, **given})
    return Agent(planner, Pendulum())


def same(left: Episode, right: Episode) -> None:
    """Assert that two episodes took the same course, bit for bit."""
    assert left.seed == right.seed
    for name in ("states", "actions", "rewards", "crashed"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)
    assert left.metrics == right.metrics
    assert left.terminated == right.terminated
    assert len(left.plan_ms) == len(left.env_ms) == len(left.actions)


def test_one_row_is_evaluate_bit_for_bit(problem: mf.Problem) -> None:
    task = Pendulum(max_steps=25)
    serial, rows = evaluate(cem(problem), task, 3, seed=5), evaluate_vector(cem(problem), task, 3, num_envs=1, seed=5)
    for ours, theirs in zip(rows.episodes, serial.episodes, strict=True):
        same(ours, theirs)


def test_starts_and_the_first_row_are_evaluates_and_other_rows_decide_for_themselves(problem: mf.Problem) -> None:
    task = Pendulum(max_steps=25)
    serial, rows = evaluate(cem(problem), task, 5, seed=5), evaluate_vector(cem(problem), task, 5, num_envs=2, seed=5)
    assert [episode.seed for episode in rows.episodes] == [5, 6, 7, 8, 9]
    for ours, theirs in zip(rows.episodes, serial.episodes, strict=True):
        np.testing.assert_array_equal(ours.states[0], theirs.states[0])
    for index in (0, 2, 4):  # equally long episodes: row 0 has every second one
        same(rows.episodes[index], serial.episodes[index])
    assert not np.array_equal(rows.episodes[1].actions, serial.episodes[1].actions)


def test_without_noise_every_row_is_evaluates(problem: mf.Problem) -> None:
    task, agent = Pendulum(max_steps=12), Agent(mf.ILQR(problem, horizon=8, steps_per_knot=1, iterations=3), Pendulum())
    for ours, theirs in zip(
        evaluate_vector(agent, task, 5, num_envs=3, seed=1).episodes, evaluate(agent, task, 5, seed=1).episodes, strict=True
    ):
        same(ours, theirs)


class Uneven(Pendulum):
    """Ends when the rod moves fast or a tracker has seen enough, so that rows end at different steps."""

    def tracker(self) -> Any:
        class Impatient(type(super().tracker())):  # type: ignore[misc]
            done = False

            def update(self, observation: Any, info: dict[str, Any]) -> None:
                super().update(observation, info)
                self.done = abs(observation[2]) > 2.0

        return Impatient()


def test_rows_that_end_at_different_steps_take_the_next_episode_at_once(problem: mf.Problem) -> None:
    task, agent = Uneven(max_steps=40), Agent(mf.ILQR(problem, horizon=8, steps_per_knot=1, iterations=3), Pendulum())
    serial = evaluate(agent, task, 7, seed=2).episodes
    assert len({len(episode.actions) for episode in serial}) > 2
    for ours, theirs in zip(evaluate_vector(agent, task, 7, num_envs=3, seed=2).episodes, serial, strict=True):
        same(ours, theirs)


def test_max_steps_ends_episodes_and_there_are_no_more_rows_than_episodes(problem: mf.Problem) -> None:
    result = evaluate_vector(cem(problem), Pendulum(), 2, num_envs=8, seed=0, max_steps=3)
    assert [len(episode.actions) for episode in result.episodes] == [3, 3]
    assert result.to_dict()["episodes"] == 2


def test_dictionaries_of_observations_and_inputs_of_each_row() -> None:
    from conftest import lti
    from mbrl_fast.rewards import GoalDistance

    task = Parking(max_steps=4)
    problem = mf.export(lti(0), GoalDistance(), env=task)
    agent = Agent(mf.CEM(problem, horizon=2, population=10, elites=3, iterations=1), task)
    serial, rows = evaluate(agent, task, 3, seed=3), evaluate_vector(agent, task, 3, num_envs=2, seed=3)
    same(rows.episodes[0], serial.episodes[0])
    for ours, theirs in zip(rows.episodes, serial.episodes, strict=True):
        np.testing.assert_array_equal(ours.inputs["goal"], theirs.inputs["goal"])


def test_one_row_of_a_batch_of_infos_is_what_that_row_said() -> None:
    infos = {"speed": np.array([1.0, 2.0]), "_speed": np.array([True, False]), "_inner": np.array([True, True])}
    infos["inner"] = {"x": np.array([3, 4]), "_x": np.array([False, True])}  # type: ignore[assignment]
    assert info_of(infos, 0) == {"speed": 1.0, "inner": {}}
    assert info_of(infos, 1) == {"inner": {"x": 4}}
    assert row_of({"a": np.array([[1, 2], [3, 4]])}, 1)["a"].tolist() == [3, 4]


def test_what_cannot_be_is_refused(problem: mf.Problem) -> None:
    for name in ("episodes", "num_envs", "max_steps"):
        with pytest.raises(ValueError, match=f"{name} must be >= 1, got 0"):
            evaluate_vector(cem(problem), Pendulum(), **{"episodes": 1, "num_envs": 1, "seed": 0, name: 0})
    limited = cem(problem, max_rate=5.0)
    with pytest.raises(ValueError, match="num_envs must be >= episodes, got num_envs=1, episodes=2"):
        evaluate_vector(limited, Pendulum(), 2, num_envs=1, seed=0)
    evaluate_vector(limited, Pendulum(), 2, num_envs=2, seed=0, max_steps=2)
