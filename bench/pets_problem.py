"""One plan of the PETS homework: Pendulum-v1, a Gaussian network or five, random shooting over particles.

State 3, action 1, hidden layers 64-64 with SiLU, std by softplus, 15 steps, 1,000 candidates × 10 particles, the reward that of the
state before the step. A particle stays with its network for the whole trajectory (TS∞). The networks are trained, for a moment and
on random driving: how much pruning saves depends on what they know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import mbrl_fast as mf
from bench.contenders import Contender
from mbrl_fast.data import collect
from mbrl_fast.export import export
from mbrl_fast.models import Gaussian
from mbrl_fast.rewards import PendulumReward
from mbrl_fast.tasks import Pendulum
from mbrl_fast.training import TrainingSettings, make_members, train

Floats = NDArray[np.float32]
STATES = {
    "hanging": np.array([-1.0, 0.0, 0.0], np.float32),
    "swinging": np.array([-0.8, 0.6, 2.0], np.float32),
    "upright": np.array([0.995, 0.0998, 0.0], np.float32),
}
"""[cos θ, sin θ, rad/s]; the contenders are timed while swinging, what pruning saves depends on the state."""


@dataclass(frozen=True)
class PETSProblem:
    """Members [M], the same as a Problem, and how many trajectories a plan has."""

    members: list[Gaussian]
    problem: mf.Problem
    population: int = 1000
    particles: int = 10
    steps: int = 15
    start: str = "swinging"

    @property
    def state(self) -> Floats:
        """Where the plan starts [3]."""
        return STATES[self.start]

    @property
    def name(self) -> str:
        """For tables."""
        networks = "1 network" if len(self.members) == 1 else f"{len(self.members)} networks"
        return f"{networks}, {self.population:,} × {self.particles} × {self.steps}"

    def at(self, start: str) -> PETSProblem:
        """The same in another of the ``STATES``."""
        return replace(self, start=start)

    def planner(self, **settings: Any) -> mf.RandomShooting:
        """Ours, from a cold start."""
        return mf.RandomShooting(
            self.problem, horizon=self.steps, steps_per_knot=1, population=self.population, particles=self.particles,
            warm_start=False, **settings,
        )  # fmt: skip


@dataclass(frozen=True)
class Shooter:
    """A contender, and what it computes of given numbers: returns(actions [N, T, 1], noise [T, P, 3]) -> [N].

    The noise of a particle is the same for every candidate, as in the core; the first P / M particles run the first of M members.
    """

    contender: Contender
    returns: Callable[[Tensor, Tensor], Tensor]


def pendulum(members: int, transitions: int = 1000, epochs: int = 60, **sizes: int) -> PETSProblem:
    """Members trained side by side on random driving."""
    task = Pendulum()
    data = collect(task, transitions, seed=0, progress=False)

    def network() -> Gaussian:
        return Gaussian(3, 1, (64, 64), std="softplus").normalise(data.states, data.actions, data.next_states)

    settings = TrainingSettings(epochs=epochs, learning_rate=3e-3, split_by="step")
    trained, _ = train(make_members(network, members), data, settings, progress=False)
    problem = export(trained if members > 1 else trained[0], PendulumReward(), env=task)
    return PETSProblem(trained, problem, **sizes)


@torch.no_grad()
def reference(p: PETSProblem, actions: Tensor, noise: Tensor) -> Tensor:
    """The returns [N] in double precision: the mean over the particles. actions [N, T, 1], noise [T, P, 3]."""
    reward, total = PendulumReward(), torch.zeros(len(actions), p.particles, dtype=torch.float64)
    members = [Gaussian(3, 1, (64, 64), std="softplus") for _ in p.members]
    for twin, member in zip(members, p.members, strict=True):
        twin.load_state_dict(member.state_dict())
        twin.double()
    for particle in range(p.particles):
        state = torch.from_numpy(p.state).double().expand(len(actions), 3)
        for t in range(p.steps):
            action = actions[:, t].double()
            total[:, particle] += reward(state, action)
            mean, std = members[particle * len(members) // p.particles](state, action)
            state = mean + std * noise[t, particle].double()
    return total.mean(1)
