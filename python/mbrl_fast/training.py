"""Fitting dynamics models to transitions: one model or a bootstrap ensemble, by squared error or by likelihood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .data import Transitions
from .fitting import Augment, History, TrainingSettings, fit
from .models.mixture import mean_of

__all__ = ["Augment", "History", "TrainingSettings", "elites", "make_members", "open_loop_errors", "train", "train_reward"]

Array = NDArray[np.float32]


def make_members(factory: Callable[[], nn.Module], members: int, seed: int = 0) -> list[nn.Module]:
    """``members`` models with their own initial weights; leaves torch's global random state as it was."""
    if members < 1:
        raise ValueError(f"members must be at least 1, got members={members}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return [factory() for _ in range(members)]


def train(
    models: nn.Module | Sequence[nn.Module], data: Transitions, settings: TrainingSettings | None = None, *,
    augment: Augment | None = None, task: Any = None, progress: bool = True,
) -> tuple[list[nn.Module], History]:  # fmt: skip
    """Train one model or the members of an ensemble on the steps of ``data`` that did not crash.

    Args:
        models: modules of one architecture, ``forward(state, action) -> next_state`` or ``(mean, std)``; they are left as they
            are, and where they were trained before, training goes on from there.
        augment: draws an equally true version of every transition, anew in each epoch.
        task: gives ``errors(predicted, actual)``, for the open-loop error in physical units.

    Returns:
        Trained copies, in evaluation mode, and the history. ValueError if a loss becomes infinite or NaN.
    """
    settings = settings or TrainingSettings()
    members = members_of(models)
    training, validation = data.clean().split(settings.validation_fraction, settings.seed, settings.split_by)
    seen, held_out = ((part.states, part.actions, part.next_states) for part in (training, validation))
    trained, history = fit(members, seen, held_out, spread_of(training.next_states - training.states), settings, augment, progress)
    open_loop = open_loop_errors(trained, validation, task) if task is not None else {}
    return trained, replace(history, open_loop=open_loop)


def train_reward(
    models: nn.Module | Sequence[nn.Module], data: Transitions, settings: TrainingSettings | None = None, *, progress: bool = True
) -> tuple[list[nn.Module], History]:
    """Fit one reward or several, ``forward(state, action, next_state) -> [B]``, to the steps of ``data`` whose reward is known.

    Steps that crashed are among them: what a crash costs is worth knowing. Otherwise as ``train``.
    """
    settings = settings or TrainingSettings()
    members = members_of(models)
    known = data[~np.isnan(data.rewards)]
    if len(known) < 2:
        raise ValueError(f"a reward needs at least 2 steps whose reward is known, got {len(known)} of {len(data)}")
    training, validation = known.split(settings.validation_fraction, settings.seed, settings.split_by)
    seen, held_out = ((part.states, part.actions, part.next_states, part.rewards) for part in (training, validation))
    return fit(members, seen, held_out, spread_of(training.rewards), settings, progress=progress)


def members_of(models: nn.Module | Sequence[nn.Module]) -> list[nn.Module]:
    """One model as a list of one. ValueError for an empty list."""
    members = [models] if isinstance(models, nn.Module) else list(models)
    if not members:
        raise ValueError("train needs at least one model, got an empty list")
    return members


def spread_of(values: Array) -> Array:
    """Standard deviation of each column of [N, K] or of [N]; 1 of one that never changes, whose errors would outweigh all."""
    spread = np.atleast_1d(values.std(0))
    return np.where(spread > 1e-6, spread, np.float32(1.0))


def elites(history: History, count: int) -> list[int]:
    """The ``count`` members with the least validation loss, best first: ``[trained[i] for i in elites(history, 5)]``."""
    losses = history.validation_loss[history.best_epoch, np.arange(len(history.best_epoch))]
    if not 1 <= count <= len(losses):
        raise ValueError(f"count must be between 1 and the number of members {len(losses)}, got count={count}")
    return [int(member) for member in np.argsort(losses, kind="stable")[:count]]


@torch.no_grad()
def open_loop_errors(models: Sequence[nn.Module], data: Transitions, task: Any, horizon: int = 25) -> dict[str, Array]:
    """How far predictions drift when each step starts from the last prediction.

    Args:
        models: predict side by side; their mean is compared.
        data: real steps; every run of ``horizon`` steps in one episode is tried.
        task: ``errors(predicted, actual) -> {name with unit: [...]}`` turns states into physical errors.

    Returns:
        name with unit -> [horizon], the mean over runs; empty when no run is that long.
    """
    starts = data.windows(horizon)
    if len(starts) == 0:
        return {}
    steps = starts[:, None] + np.arange(horizon)
    actions = torch.from_numpy(data.actions[steps])
    states = [torch.from_numpy(data.states[starts]) for _ in models]
    predicted = []
    for t in range(horizon):
        states = [mean_of(model(state, actions[:, t])) for model, state in zip(models, states, strict=True)]
        predicted.append(torch.stack(states).mean(0).numpy())
    errors = task.errors(np.stack(predicted, 1), data.next_states[steps])
    return {name: np.asarray(value.mean(0), dtype=np.float32) for name, value in errors.items()}
