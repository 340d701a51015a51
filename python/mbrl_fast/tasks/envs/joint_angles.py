"""Reacher that observes the angles of its joints instead of their cosines and sines."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray


class JointAngles(gymnasium.ObservationWrapper[Any, Any, Any], gymnasium.utils.RecordConstructorArgs):
    """Observes [θ1, θ2, goal x, goal y, rate 1, rate 2], radians never wrapped, metres, radians per second.

    In these coordinates the arm moves almost linearly in what its motors do, and an angle may turn on without a jump. What else
    Reacher-v5 observes follows from them.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        gymnasium.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (6,), np.float64)

    def observation(self, observation: Any) -> NDArray[np.float64]:
        """The joints' angles, the goal and the joints' rates."""
        data: Any = self.env.unwrapped.data  # type: ignore[attr-defined]
        return np.concatenate([data.qpos, data.qvel[:2]])
