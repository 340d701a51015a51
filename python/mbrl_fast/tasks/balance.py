"""What the tasks share in which something must not fall: limits that end the episode, and a reward for every step until then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .gym_task import GymTask, Tracker

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Balance(GymTask):
    """A task in which some entries of the state must stay within limits."""

    limits: ClassVar[dict[int, float]]
    """Index of a state entry -> what its absolute value must not exceed."""

    def reward(self) -> nn.Module:
        """1 for a step that ends within the limits, else 0."""
        from mbrl_fast.rewards import Within

        return Within(self.limits)

    def termination(self) -> nn.Module:
        """Whether a state is beyond a limit: the environment ends the episode there."""
        from mbrl_fast.rewards import Beyond

        return Beyond(self.limits)

    def tracker(self) -> BalanceTracker:
        """A fresh measurement of one episode."""
        return BalanceTracker(self.limits)


class BalanceTracker(Tracker):
    """Watches one episode of balancing. The environment itself ends it with a fall."""

    def __init__(self, limits: Mapping[int, float]) -> None:
        super().__init__()
        self._limits = dict(limits)
        self._fell = False

    def update(self, observation: ArrayLike, info: dict[str, Any]) -> None:
        """Take in what ``env.step`` returned."""
        super().update(observation, info)
        values = np.asarray(observation, dtype=np.float64)
        self._fell |= any(abs(values[index]) > limit for index, limit in self._limits.items())

    def metrics(self) -> dict[str, Any]:
        """The episode so far: success (bool, it has not fallen), steps."""
        return {"success": not self._fell, "steps_to_success": None, **super().metrics()}
