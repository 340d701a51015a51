"""What a delay of the actions costs, and that planning across it brings most of that back."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import mbrl_fast as mf
from mbrl_fast.tasks import Delayed

DT = 0.1


def cart(state: Tensor, action: Tensor) -> Tensor:
    """A cart on a line, pushed hard."""
    position, speed = state[:, 0], state[:, 1]
    return torch.stack([position + DT * speed, speed + 4 * DT * action[:, 0]], dim=-1)


def distance(next_state: Tensor) -> Tensor:
    """To the middle, and still."""
    return -next_state[:, 0].square() - 0.1 * next_state[:, 1].square()


class Cart:
    """The cart as a task: a plant that is exactly the model."""

    dt = DT
    action_low, action_high = np.float32([-1]), np.float32([1])

    def make_env(self, render_mode: str | None = None) -> CartEnv:
        return CartEnv()

    def observe(self, observation: Any) -> tuple[np.ndarray, dict[str, Any]]:
        return observation, {}


class CartEnv:
    """Its environment."""

    def reset(self, seed: int = 0) -> tuple[np.ndarray, dict[str, Any]]:
        generator = np.random.default_rng(seed)
        self.state = np.float32([generator.uniform(0.5, 1.5) * generator.choice([-1, 1]), generator.uniform(-1, 1)])
        return self.state, {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        position, speed = self.state
        self.state = np.float32([position + DT * speed, speed + 4 * DT * action[0]])
        return self.state, 0.0, False, False, {"action": action}


def cost(problem: mf.Problem, task: Any, delay: float) -> float:
    """Summed distance from the middle, over a few episodes."""
    agent = mf.Agent(mf.CEM(problem, horizon=12, steps_per_knot=1, population=60, elites=8, iterations=3), task, delay)
    total = 0.0
    for seed in range(4):
        env = task.make_env()
        agent.reset()
        observation, _ = env.reset(seed=seed)
        for _ in range(40):
            observation = env.step(agent.act(observation))[0]
            total += float(abs(observation[0]))
    return total


@pytest.fixture(scope="module")
def problem() -> mf.Problem:
    return mf.export(cart, distance, state_size=2, action_size=1, action_low=-1, action_high=1, dt=DT)


def test_looking_across_the_delay_removes_most_of_the_loss(problem: mf.Problem) -> None:
    at_once = cost(problem, Cart(), 0.0)
    late = Delayed(Cart(), 0.3, substeps=1)
    ignored, seen = cost(problem, late, 0.0), cost(problem, late, late.seconds)
    unavoidable = 4 * 3 * 0.5  # four episodes that begin with three steps of standing by
    assert ignored > at_once + 3 * unavoidable
    assert seen < at_once + 0.25 * (ignored - at_once)


def test_actions_take_effect_late_by_whole_substeps() -> None:
    task = Delayed(Cart(), 0.19, substeps=1)
    assert task.late == 2
    assert task.seconds == pytest.approx(0.2)
    env = task.make_env()
    env.reset(seed=0)
    sent = [np.float32([u]) for u in (0.1, 0.2, 0.3, 0.4)]
    felt = [float(env.step(action)[4]["action"][0]) for action in sent]
    assert felt == pytest.approx([0, 0, 0.1, 0.2])
    env.reset(seed=0)
    assert float(env.step(sent[3])[4]["action"][0]) == 0, "a new episode begins with nothing on its way"
    assert pickle.loads(pickle.dumps(task)).dt == DT


def test_wrong_delays_are_named(problem: mf.Problem) -> None:
    with pytest.raises(ValueError, match=r"^delay must be >= 0 seconds and finite, got -1$"):
        Delayed(Cart(), -1)
    with pytest.raises(ValueError, match=r"^substeps must be >= 1, got 0$"):
        Delayed(Cart(), 0.1, substeps=0)
    with pytest.raises(ValueError, match=r"^delay must be >= 0 seconds and finite, got nan$"):
        mf.Agent(mf.CEM(problem), Cart(), float("nan"))


def test_parking_is_delayed_by_parts_of_a_step() -> None:
    pytest.importorskip("highway_env")
    from mbrl_fast.tasks import Parking

    late = Delayed(Parking(), 0.06)
    assert late.seconds == pytest.approx(1 / 15)
    assert late.name == "parking"

    def drive(task: Any) -> list[Any]:
        env = task.make_env()
        env.reset(seed=1)
        steps = [env.step(np.float32([1.0, 0.3]))[0]["observation"] for _ in range(5)]
        env.close()
        return steps

    at_once, undelayed, delayed = drive(Parking()), drive(Delayed(Parking(), 0.0)), drive(late)
    np.testing.assert_allclose(undelayed, at_once, atol=1e-12, err_msg="driven in substeps, it is the same environment")
    speed = [np.hypot(*steps[0][2:4]) for steps in (at_once, delayed)]
    assert speed[1] == pytest.approx(speed[0] * 2 / 3, rel=0.02)
    with pytest.raises(ValueError, match=r"^substeps must be 3 here, got 2$"):
        Delayed(Parking(), 0.1, substeps=2).make_env()
