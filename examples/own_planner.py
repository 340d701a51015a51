"""A planner of your own: fifteen lines of Python on ``problem.rollout``, which does the model steps in C++.

    python examples/own_planner.py problem.safetensors

Elites are weighted by their rank, which none of the built-in planners does: change what you like. ``keep`` tells the core that only
so many of the best matter, so that it may leave the others unfinished (0: all matter). From a population of about 1,000 on,
Python's share of the time is small: ``python -m bench.own_planner`` sets it beside the built-in planner.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import mbrl_fast as mf


class OwnPlanner:
    """Population and so on as of ``mbrl_fast.CEM``; ``plan`` returns the actions [horizon, action_size]."""

    def __init__(self, problem: mf.Problem, population: int = 1000, elites: int = 100, iterations: int = 5, keep: int = 100):
        self.problem, self.population, self.elites, self.iterations, self.keep = problem, population, elites, iterations, keep
        self.plans, self.weights = 0, np.linspace(2, 0, elites, endpoint=False, dtype=np.float32)[:, None, None] / (elites + 1)

    def plan(self, state: ArrayLike, horizon: int = 5, steps_per_knot: int = 5, **inputs: Any) -> NDArray[np.float32]:
        low, high = (np.tile(bound, (horizon, 1)) for bound in (self.problem.action_low, self.problem.action_high))
        mean, std = (low + high) / 2, (high - low) / 2
        for iteration in range(self.iterations):
            actions = self.problem.sample(mean, std, self.population, plan=self.plans, iteration=iteration)
            returns = self.problem.rollout(state, actions, steps_per_knot=steps_per_knot, keep=self.keep, **inputs)
            best = actions[(-returns).argsort()[: self.elites]]  # NaN is sorted to the end
            mean = (self.weights * best).sum(0)
            std = np.sqrt((self.weights * (best - mean) ** 2).sum(0))
        self.plans += 1
        return np.clip(mean, low, high)


if __name__ == "__main__":
    loaded = mf.load(sys.argv[1])
    zeros = {name: np.zeros([25 if size == "horizon" else size for size in shape], "f4") for name, shape in loaded.inputs.items()}
    print(OwnPlanner(loaded).plan(np.zeros(loaded.state_size, np.float32), **zeros))
