"""HalfCheetah that observes how fast it ran during the step."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray


class ForwardSpeed(gymnasium.Wrapper[Any, Any, Any, Any], gymnasium.utils.RecordConstructorArgs):
    """Puts the mean forward speed over the last step, m/s, before what HalfCheetah-v5 observes; 0 after a reset.

    The environment's reward is of that speed, and what it observes itself has only the speed at the step's end: without it no
    function of the state gives the reward. The PETS paper's HalfCheetah observes the same.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        gymnasium.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)
        size = int(np.prod(env.observation_space.shape or ())) + 1
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """As the environment's own, at rest."""
        observation, info = self.env.reset(seed=seed, options=options)
        return np.concatenate([[0.0], observation]), info

    def step(self, action: Any) -> tuple[NDArray[np.float64], Any, bool, bool, dict[str, Any]]:
        """As the environment's own."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return np.concatenate([[info["x_velocity"]], observation]), reward, terminated, truncated, info
