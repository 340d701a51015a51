"""Fitting what PETS plans with, and handing it to a Problem."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from torch import nn

from mbrl_fast.data import Transitions
from mbrl_fast.export import export
from mbrl_fast.models import Expectation, Gaussian, Mixture
from mbrl_fast.online.settings import PETSSettings
from mbrl_fast.problem import Problem
from mbrl_fast.training import History, TrainingSettings, elites, make_members, train


@dataclass(frozen=True)
class Models:
    """What has been learnt: the networks, and which of them plan."""

    members: list[nn.Module]
    elites: list[int]

    def dynamics(self, propagation: str) -> list[nn.Module] | nn.Module:
        """What is planned with: the networks side by side, or one model made of them (`PETSSettings.propagation`)."""
        planning = [self.members[index] for index in self.elites]
        made: dict[str, type[nn.Module]] = {"expectation": Expectation, "distribution": Mixture}
        return made[propagation](planning) if propagation in made else planning


def make_models(settings: PETSSettings, task: Any, seed: int = 0) -> Models:
    """Networks that know nothing yet; the task's own `model(hidden_sizes, std)`, if it has one."""

    def make() -> nn.Module:
        if hasattr(task, "model"):
            model: nn.Module = task.model(settings.hidden_sizes, settings.std)
            return model
        return Gaussian(task.state_size, task.action_size, settings.hidden_sizes, getattr(task, "angles", ()), settings.std)

    members = make_members(make, settings.members, seed)
    return Models(members, list(range(settings.planning_members)))


def fit(
    settings: PETSSettings, task: Any, data: Transitions, before: Models | None, seed: int, progress: bool = False
) -> tuple[Models, History]:
    """Fit the networks to everything seen so far.

    Args:
        settings: how. task: whose state it is.
        data: all of it; steps that ended in a crash are left out.
        before: the last fit's, from whose weights this one goes on if the settings say so.
        seed: of new weights, the split into training and validation, and the order.
        progress: show a bar.

    Raises ValueError if the loss becomes infinite or NaN, or nothing is left to learn from.
    """
    useful = data.clean()
    if len(useful) < 2:
        raise ValueError(f"a fit needs at least 2 steps that did not end in a crash, got {len(useful)} of {len(data)}")
    go_on = before if settings.warm_start else None
    start = copy.deepcopy(go_on.members) if go_on else make_models(settings, task, seed).members
    for member in start:
        member.normalise(useful.states, useful.actions, useful.next_states)  # type: ignore[operator]
    # Steps are held out one by one: there are few episodes, and each is unlike the last.
    training = TrainingSettings(
        epochs=settings.epochs, batch_size=settings.batch_size, learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay, patience=settings.patience, seed=seed, split_by="step", threads=settings.threads,
    )  # fmt: skip
    members, history = train(start, useful, training, progress=progress)
    return Models(members, sorted(elites(history, settings.planning_members))), history


def hand_over(settings: PETSSettings, task: Any, models: Models, problem: Problem | None = None) -> Problem:
    """Give the Problem to plan on: new weights in the one given, or a new one. The numbers are the same either way."""
    dynamics = models.dynamics(settings.propagation)
    if problem is not None:
        problem.update(dynamics=dynamics)
        return problem
    termination, value = (getattr(task, name, lambda: None)() for name in ("termination", "terminal_value"))
    return export(dynamics, task.reward(), env=task, termination=termination, terminal_value=value)
