"""stable-baselines3's SAC: `predict` of one observation, its default MlpPolicy (two layers of 256), untrained, one thread.

Not a planner: one forward pass of a policy network and SB3's conversions around it, on the spaces of parking-v0 flattened
(18 numbers of observation, 2 of action). What a learnt policy costs where a plan would be made.
"""

from __future__ import annotations

import numpy as np

from bench.contenders import Contender, need


def contenders() -> list[Contender]:
    sb3 = need("stable_baselines3")
    import gymnasium

    class Spaces(gymnasium.Env):  # type: ignore[type-arg]
        observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (18,), np.float32)
        action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

        def reset(self, *, seed=None, options=None):
            return np.zeros(18, np.float32), {}

        def step(self, action):
            return np.zeros(18, np.float32), 0.0, False, False, {}

    agent = sb3.SAC("MlpPolicy", Spaces(), device="cpu", buffer_size=1, seed=0)
    observation = np.zeros(18, np.float32)

    def predict():
        return agent.predict(observation, deterministic=True)[0]

    return [Contender("stable-baselines3 SAC predict, 1 thread", predict, False)]
