"""Problems that many tests share: exported once, with fixed seeds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from torch import Tensor, nn

import mbrl_fast as mf
from mbrl_fast.models import LTI
from mbrl_fast.rewards import GoalDistance

# The same examples in every run, so that a failure is about the change at hand; HYPOTHESIS_PROFILE=search looks further.
settings.register_profile("same", derandomize=True)
settings.register_profile("search", max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

GOAL = np.array([0.1, -0.05, 0.0, 0.0, 1.0, 0.0], np.float32)
STATE = np.array([0.02, 0.03, 0.1, -0.2, 0.8, 0.6], np.float32)


@dataclass(frozen=True)
class Exported:
    """A Problem and the torch callables it was made of: dynamics has one entry per member."""

    problem: mf.Problem
    dynamics: list[Callable[..., Tensor]]
    reward: Callable[..., Tensor]


def lti(seed: int) -> LTI:
    """The notebook's network, small and of fixed weights."""
    torch.manual_seed(seed)
    return LTI(6, 2, hidden_size=16)


def export_lti(seeds: list[int], **slots: Any) -> Exported:
    """An LTI model, or an ensemble of several, with highway-env's goal distance."""
    members, reward = [lti(seed) for seed in seeds], GoalDistance()
    problem = mf.export(
        members if len(members) > 1 else members[0], reward,
        state_size=6, action_size=2, inputs={"goal": 6}, action_low=-1, action_high=[1, 0.5], dt=0.2, **slots,
    )  # fmt: skip
    return Exported(problem, list(members), reward)


@pytest.fixture(scope="session")
def small() -> Exported:
    """One LTI network and a goal."""
    return export_lti([0])


@pytest.fixture(scope="session")
def ensemble() -> Exported:
    """Three LTI networks and a goal."""
    return export_lti([0, 1, 2])


def cart(state: Tensor, action: Tensor) -> Tensor:
    """A cart on a line: position and speed, pushed by the action."""
    position, speed = state[:, 0], state[:, 1]
    return torch.stack([position + 0.1 * speed, speed + 0.1 * action[:, 0]], dim=-1)


def cart_reward(next_state: Tensor, action: Tensor, previous_action: Tensor, time: Tensor, goal: Tensor, wind: Tensor) -> Tensor:
    """Depends on everything a reward may depend on."""
    jerk = (action - previous_action).square().sum(-1)
    return -(next_state[:, 0] - goal[0]).square() - 0.1 * jerk + 0.01 * time * wind[:, 0]


def cart_value(state: Tensor) -> Tensor:
    """Slow is good."""
    return -state[:, 1].square()


def cart_ended(state: Tensor) -> Tensor:
    """Beyond the end of the track."""
    return state[:, 0].abs() > 1.0


class CartPolicy(nn.Module):
    """Pushes towards the middle, harder than the bounds allow when far away."""

    def forward(self, state: Tensor) -> Tensor:
        """state [B, 2] -> action [B, 1]."""
        return -4.0 * state[:, :1]


def cart_observe(observation: Tensor) -> Tensor:
    """Observations are position in metres · 10, an unused number, and speed."""
    return torch.stack([observation[:, 0] / 10.0, observation[:, 2]], dim=-1)


@pytest.fixture(scope="session")
def everything() -> mf.Problem:
    """An analytic problem with every slot: terminal value, termination, policy, observe, per-step inputs, time."""
    return mf.export(
        cart, cart_reward, state_size=2, action_size=1, inputs={"goal": 1, "wind": ("horizon", 1)}, action_low=-1, action_high=1,
        dt=0.1, terminal_value=cart_value, termination=cart_ended, policy=CartPolicy(), observe=cart_observe, observation_size=3,
    )  # fmt: skip
