"""A room with a patch where every step is a throw of dice: the environment of `bench.exploration_bonus`, and a task of one's own.

A point starts in the middle of [−1, 1]², is pushed by the action and drifts with a current that differs from place to place: a
model knows it where it has been. Within the patch noise is added, which no data will ever take away (a "noisy TV": Burda et al.
2018, arXiv 1808.04355). There is nothing to gain. What exploring needs is a number whose spread is that of the state: the reward
is the position along a direction that the environment draws anew in every step, so that all directions count alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict
from numpy.typing import NDArray
from torch import Tensor, nn

from mbrl_fast.tasks.gym_task import GymTask

Array = NDArray[np.float64]
CENTRE, RADIUS = np.array([0.55, 0.0]), 0.4
"""Of the patch."""
NOISE = 0.08
"""Standard deviation of a step within it, where an action moves by at most PUSH."""
PUSH, CURRENT = 0.06, 0.03


def noisy(positions: Array) -> NDArray[np.bool_]:
    """Whether positions [..., 2] lie within the patch."""
    return np.asarray(np.linalg.norm(positions - CENTRE, axis=-1) < RADIUS)


def expected(positions: Array, actions: Array) -> Array:
    """Where positions [..., 2] lead under actions [..., 2], without noise."""
    x, y = positions[..., 0], positions[..., 1]
    current = CURRENT * np.stack([np.sin(5.0 * y + 1.0), np.sin(5.0 * x)], axis=-1)
    return np.clip(positions + PUSH * np.clip(actions, -1.0, 1.0) + current, -1.0, 1.0)


class NoisyRoom(gymnasium.Env[dict[str, Any], Any]):
    """The room. Observes its position and a random direction, each [2]; truncates after ``steps``."""

    observation_space = Dict({"position": Box(-1.0, 1.0, (2,)), "direction": Box(-1.0, 1.0, (2,))})
    action_space = Box(-1.0, 1.0, (2,))

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        self.position, self.done = np.zeros(2), 0
        return self._observation(), {}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        thrown = NOISE * self.np_random.normal(size=2) * noisy(self.position)
        self.position = np.clip(expected(self.position, np.asarray(action, float)) + thrown, -1.0, 1.0)
        self.done += 1
        return self._observation(), 0.0, False, self.done >= self.steps, {}

    def _observation(self) -> dict[str, Any]:
        turn = self.np_random.uniform(0.0, 2.0 * np.pi)
        direction = np.array([np.cos(turn), np.sin(turn)], np.float32)
        return {"position": self.position.astype(np.float32), "direction": direction}


class Along(nn.Module):
    """The next position along the direction."""

    def forward(self, next_state: Tensor, direction: Tensor) -> Tensor:
        """next_state, direction [..., 2] -> reward [...]."""
        return (next_state * direction).sum(-1)


class Watched:
    """A tracker that has nothing to say: there is nothing to succeed in."""

    done = False

    def update(self, observation: Any, info: dict[str, Any]) -> None:
        """See a step."""

    def metrics(self) -> dict[str, Any]:
        """Nothing."""
        return {}


@dataclass(frozen=True)
class Room(GymTask):
    """The room as a task.

    Args:
        max_steps: of an episode.
    """

    max_steps: int = 50

    name: ClassVar[str] = "noisy-room"
    dt: ClassVar[float] = 1.0
    state_size: ClassVar[int] = 2
    action_size: ClassVar[int] = 2
    action_limit: ClassVar[float] = 1.0
    state_names: ClassVar[tuple[str, ...]] = ("x", "y")
    state_units: ClassVar[tuple[str, ...]] = ("1", "1")
    action_names: ClassVar[tuple[str, ...]] = ("push x", "push y")
    action_units: ClassVar[tuple[str, ...]] = ("1", "1")
    inputs: ClassVar[dict[str, tuple[int, ...]]] = {"direction": (2,)}

    def make_env(self, render_mode: str | None = None, stop_at_success: bool = False) -> NoisyRoom:
        """Make the room."""
        return NoisyRoom(self.max_steps)

    def observe(self, observation: dict[str, Any]) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Position [2], and the direction as a run-time input."""
        return observation["position"], {"direction": observation["direction"]}

    def reward(self) -> nn.Module:
        """What the spread is taken of."""
        return Along()

    def tracker(self) -> Watched:
        """Nothing to watch."""
        return Watched()
