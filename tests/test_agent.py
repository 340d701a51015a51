"""The agent's promises: what it gives to planners, and stable-baselines3's `predict`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mbrl_fast.agent import Agent


class CountingPlanner:
    """Plans [plans since the last reset, first state entry], for one state or for each row of a batch."""

    def __init__(self) -> None:
        self.count = np.zeros(8)

    def plan(self, state: Any, *, goal: Any) -> SimpleNamespace:
        self.count[0] += 1
        return SimpleNamespace(action=np.array([self.count[0], state[0]]), states=np.stack([state, goal]))

    def plan_batch(self, states: Any, *, goal: Any) -> SimpleNamespace:
        rows = len(states)
        assert goal.shape == states.shape
        self.count[:rows] += 1
        return SimpleNamespace(action=np.stack([self.count[:rows], states[:, 0]], axis=1), states=None)

    def reset(self, rows: Any = None) -> None:
        self.count[slice(None) if rows is None else rows] = 0


class DictTask:
    def observe(self, observation: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        state = np.asarray(observation["observation"], np.float32)
        return state, {"goal": np.asarray(observation["desired_goal"], np.float32)}


def observation(rows: int | None = None) -> dict[str, Any]:
    shape = (3,) if rows is None else (rows, 3)
    return {"observation": np.full(shape, 7.0), "desired_goal": np.zeros(shape)}


@pytest.fixture
def agent() -> Agent:
    return Agent(CountingPlanner(), DictTask())


def test_act_gives_the_first_action_as_the_callers_own_float32(agent: Agent) -> None:
    action = agent.act(observation())
    assert action.dtype == np.float32
    assert action.tolist() == [1, 7]
    action[:] = 0
    assert agent.plan is not None
    assert agent.plan.action.tolist() == [1, 7]


def test_predict_of_one_observation_keeps_the_warm_start_until_an_episode_starts(agent: Agent) -> None:
    assert [agent.predict(observation())[0][0] for _ in range(2)] == [1, 2]
    action, state = agent.predict(observation(), episode_start=np.array([True]))
    assert action[0] == 1
    assert state is None
    assert agent.predict(observation(), episode_start=np.array([False]))[0][0] == 2


def test_predict_of_a_batch_resets_only_the_rows_that_start(agent: Agent) -> None:
    actions, state = agent.predict(observation(3), None, np.array([True, True, True]), True)
    assert actions.shape == (3, 2)
    assert actions.dtype == np.float32
    assert state is None
    actions, _ = agent.predict(observation(3), None, np.array([False, True, False]), True)
    assert actions[:, 0].tolist() == [2, 1, 2]
    actions, _ = agent.predict(observation(3))
    assert actions[:, 0].tolist() == [3, 2, 3]


def test_predict_refuses_an_episode_start_of_another_length(agent: Agent) -> None:
    with pytest.raises(ValueError, match=r"episode_start must have shape \(3,\), .* got \(2,\)"):
        agent.predict(observation(3), episode_start=np.array([True, False]))


def test_batch_planning_is_asked_for_by_name_where_a_planner_has_none() -> None:
    planner = SimpleNamespace(plan=None, reset=lambda: None)
    with pytest.raises(TypeError, match="SimpleNamespace plans one state at a time: it has no plan_batch"):
        Agent(planner, DictTask()).predict(observation(3))


def test_reset_forgets_the_plan(agent: Agent) -> None:
    agent.act(observation())
    agent.reset()
    assert agent.plan is None
    assert agent.act(observation())[0] == 1
