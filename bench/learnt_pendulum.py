"""Pendulum-v1 learnt from episodes of random actions, by one Gaussian network or by an ensemble, beside the exact model: what
`bench.model_exploitation` and `bench.horizon` plan with.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mbrl_fast.data import Transitions, collect
from mbrl_fast.export import export
from mbrl_fast.models import Gaussian, PendulumModel
from mbrl_fast.problem import Problem
from mbrl_fast.tasks import Pendulum
from mbrl_fast.training import TrainingSettings, make_members, train

HIDDEN = (32, 32)
MEMBERS = 5


def exact_problem() -> Problem:
    """The environment's own equations, which agree with it to single precision, and its reward."""
    task = Pendulum()
    return export(PendulumModel(), task.reward(), env=task)


def random_steps(count: int, seed: int) -> Transitions:
    """So many real steps of whole episodes, each action drawn evenly between the bounds, as PETS explores."""
    return collect(Pendulum(), count, seed=seed, action_repeat=1, progress=False)


def learn(data: Transitions, members: int, seed: int, epochs: int = 200) -> list[nn.Module]:
    """Gaussian networks fitted to it by likelihood: a single one sees all of it, several each draw their own from it."""
    start = make_members(lambda: Gaussian(3, 1, HIDDEN, std="softplus"), members, seed)
    for member in start:
        member.normalise(data.states, data.actions, data.next_states)  # type: ignore[operator]
    settings = TrainingSettings(epochs=epochs, batch_size=32, learning_rate=3e-3, patience=50, seed=seed, split_by="step")
    return train(start, data, settings, progress=False)[0]


def learnt_problem(members: list[nn.Module], terminal_value: nn.Module | None = None) -> Problem:
    """What has been learnt, with the environment's reward."""
    task = Pendulum()
    return export(members, task.reward(), env=task, terminal_value=terminal_value)


def start_states(seeds: Iterable[int]) -> NDArray[np.float32]:
    """[len(seeds), 3], where the environment begins for these seeds."""
    env = Pendulum().make_env()
    try:
        return np.stack([env.reset(seed=seed)[0] for seed in seeds])
    finally:
        env.close()
