"""Learning what a state is worth from what was collected after it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from .data import Transitions
from .fitting import History, TrainingSettings, fit
from .models.value import LearntValue
from .training import spread_of

Array = NDArray[np.float32]


@dataclass(frozen=True)
class ValueSettings:
    """How a value is learnt.

    Args:
        discount: of the rewards of each further step, in [0, 1). Plan with the same: a plan's terminal value is discounted by
            its number of steps.
        steps: rewards that are added up before the value learnt so far says what is left. Many trust what was collected, few trust
            the network, which also knows how other episodes went on from there.
        rounds: how often what was learnt so far becomes the target of the next fit.
        training: of the first round; the others go on from its weights with a third of the epochs.
    """

    discount: float = 0.99
    steps: int = 5
    rounds: int = 10
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(epochs=30, learning_rate=3e-3, batch_size=64, split_by="step")
    )

    def __post_init__(self) -> None:
        if not 0.0 <= self.discount < 1.0:
            raise ValueError(f"discount must be at least 0 and below 1, got discount={self.discount}")
        for name in ("steps", "rounds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {name}={getattr(self, name)}")


def learn_value(
    model: LearntValue, data: Transitions, settings: ValueSettings | None = None, *, progress: bool = True
) -> tuple[LearntValue, History]:
    """Fit a value to transitions, in rounds: each to the rewards of some steps and the last round's value of where they led.

    The targets stand still while a network is fitted to them (n-step temporal differences, Sutton and Barto 2018, section 7.1,
    made fitted value iteration as in Lowrey et al. 2019, POLO, section 3). It is the value of acting as the data were collected,
    and grows better with the planner that collects them. Plain discounted returns, which this is with many steps, do worse: they
    see what random driving did after a state, and not that a planner went on from the same state well.

    Args:
        model: is left as it is. Where it was fitted before, to less data, learning goes on from its values.
        data: step after step, with their rewards. An episode that the environment ended is worth nothing after its end; one that
            ran out of time is worth what its last state is.

    Returns:
        The fitted copy, in evaluation mode, and the history of the last round. ValueError if a reward is not known.
    """
    settings = settings or ValueSettings()
    if np.isnan(data.rewards).any():
        row = int(np.flatnonzero(np.isnan(data.rewards))[0])
        raise ValueError(f"rewards must be known for a value to be learnt, got NaN at row {row}")
    model = copy.deepcopy(model).normalise(data.states, _likely_returns(data, settings.discount))
    for round in tqdm(range(settings.rounds), desc="learning a value", leave=None, disable=not progress):
        returns = n_step_returns(data, _values(model, data.next_states), settings.discount, settings.steps)
        epochs = settings.training.epochs if round == 0 else max(1, settings.training.epochs // 3)
        training = replace(settings.training, epochs=epochs, seed=settings.training.seed + round)
        model, history = _fit(model, replace(data, rewards=returns), training)
    return model, history


def n_step_returns(data: Transitions, next_values: Array, discount: float, steps: int) -> Array:
    """[N], the discounted rewards of each step and those after it, and then the value of the state they led to.

    Args:
        data: whose rewards and episodes. next_values: [N], of its next_states. discount: of each further step.
        steps: whose rewards are added up; fewer where the episode or the data end before.
    """
    follows = np.zeros(len(data), np.bool_)
    follows[data.windows(2)] = True
    follows &= ~data.terminated
    last, going = np.arange(len(data)), np.ones(len(data), np.bool_)
    returns, factor = np.zeros(len(data)), np.ones(len(data))
    for step in range(steps):
        if step > 0:
            going &= follows[last]
            last[going] += 1
        if not going.any():
            break
        returns[going] += factor[going] * data.rewards[last[going]]
        factor[going] *= discount
    returns += factor * np.where(data.terminated[last], 0.0, next_values[last])
    return returns.astype(np.float32)


def _likely_returns(data: Transitions, discount: float) -> Array:
    """[N], what values will be about as large as: all rewards that followed, and then as many more like the average."""
    average = np.full(len(data), data.rewards.mean() / (1.0 - discount), np.float32)
    return n_step_returns(data, average, discount, len(data))


def _fit(model: LearntValue, data: Transitions, settings: TrainingSettings) -> tuple[LearntValue, History]:
    """One round; the targets are in the place of the rewards."""
    training, validation = data.split(settings.validation_fraction, settings.seed, settings.split_by)
    seen, held_out = ((part.states, part.rewards) for part in (training, validation))
    (fitted,), history = fit([model], seen, held_out, spread_of(training.rewards), settings, progress=False)
    assert isinstance(fitted, LearntValue)
    return fitted, history


@torch.no_grad()
def _values(model: LearntValue, states: Array) -> Array:
    """[N], in one go."""
    return np.asarray(model(torch.from_numpy(states)).numpy(), np.float32)
