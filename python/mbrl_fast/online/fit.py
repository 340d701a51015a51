"""Fitting what PETS plans with, and handing it to a Problem."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from mbrl_fast.data import Transitions
from mbrl_fast.export import export
from mbrl_fast.models import Expectation, Gaussian, LearntReward, LearntValue, Mixture
from mbrl_fast.online.settings import PETSSettings
from mbrl_fast.problem import Problem
from mbrl_fast.training import Augment, History, TrainingSettings, elites, make_members, train, train_reward
from mbrl_fast.value_learning import ValueSettings, learn_value


@dataclass(frozen=True)
class Models:
    """What has been learnt: the networks, which of them plan, and what else is not given."""

    members: list[nn.Module]
    elites: list[int]
    reward: LearntReward | None = None
    """Where the task has none."""
    value: LearntValue | None = None
    """Where the settings ask for one; it takes the place of the task's."""

    def dynamics(self, propagation: str) -> list[nn.Module] | nn.Module:
        """What is planned with: the networks side by side, or one model made of them (`PETSSettings.propagation`)."""
        planning = [self.members[index] for index in self.elites]
        made: dict[str, type[nn.Module]] = {"expectation": Expectation, "distribution": Mixture}
        return made[propagation](planning) if propagation in made else planning

    def parts(self) -> dict[str, nn.Module]:
        """All modules by name, for a checkpoint."""
        named: dict[str, nn.Module | None] = {f"member/{number}": member for number, member in enumerate(self.members)}
        named.update(reward=self.reward, value=self.value)
        return {name: module for name, module in named.items() if module is not None}


def make_models(settings: PETSSettings, task: Any, seed: int = 0) -> Models:
    """Networks that know nothing yet. The task's own `model(hidden_sizes, std)` is taken, if it has one.

    Raises ValueError if a reward or a value would have to be learnt of a task with run-time inputs: transitions do not have them.
    """
    angles = getattr(task, "angles", ())

    def dynamics() -> nn.Module:
        if hasattr(task, "model"):
            model: nn.Module = task.model(settings.hidden_sizes, settings.std)
            return model
        return Gaussian(task.state_size, task.action_size, settings.hidden_sizes, angles, settings.std)

    def reward() -> LearntReward:
        return LearntReward(task.state_size, task.action_size, angles=angles)

    def value() -> LearntValue:
        return LearntValue(task.state_size, angles=angles)

    wanted = {"reward": of_task(task, "reward") is None, "value": settings.terminal_value}
    for name in (name for name in wanted if wanted[name] and getattr(task, "inputs", {})):
        raise ValueError(f"a {name} cannot be learnt of the task {task.name}: it depends on {', '.join(task.inputs)}, too")
    return Models(
        make_members(dynamics, settings.members, seed),
        list(range(settings.planning_members)),
        make_members(reward, 1, seed)[0] if wanted["reward"] else None,  # type: ignore[arg-type]
        make_members(value, 1, seed)[0] if wanted["value"] else None,  # type: ignore[arg-type]
    )


def fit(
    settings: PETSSettings, task: Any, data: Transitions, before: Models | None, seed: int, again: bool, progress: bool
) -> tuple[Models, History]:
    """Fit the networks to everything seen so far.

    Args:
        settings: how. task: whose state it is.
        data: all of it; the dynamics leave out steps that ended in a crash.
        before: the last fit's, from whose weights this one goes on if the settings say so, and its value in any case.
        seed: of new weights, the split into training and validation, and the order.
        again: whether this is within an episode: reward and value stay as they were at its beginning.
        progress: show bars.

    Returns:
        What was learnt, and the history of the dynamics. ValueError if a loss becomes infinite or NaN, or nothing is left to learn.
    """
    useful = data.clean()
    if len(useful) < 2:
        raise ValueError(f"a fit needs at least 2 steps that did not end in a crash, got {len(useful)} of {len(data)}")
    # Steps are held out one by one: there are few episodes, and each is unlike the last.
    training = TrainingSettings(
        epochs=settings.epochs, batch_size=settings.batch_size, learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay, patience=settings.patience, seed=seed, split_by="step",
        threads=settings.training_threads,
    )  # fmt: skip
    fresh = make_models(settings, task, seed)
    start = copy.deepcopy(before) if before is not None and settings.warm_start else fresh
    for member in start.members:
        if hasattr(member, "normalise"):
            member.normalise(useful.states, useful.actions, useful.next_states)  # type: ignore[operator]
    members, history = train(start.members, useful, training, augment=_augment(settings, task), progress=progress)
    chosen = sorted(elites(history, settings.planning_members))
    if again and before is not None:
        return Models(members, chosen, before.reward, before.value), history
    reward = _fit_reward(start.reward, data, training, progress)
    value = _fit_value(before.value if before is not None else fresh.value, settings, data, training, progress)
    return Models(members, chosen, reward, value), history


def _augment(settings: PETSSettings, task: Any) -> Augment | None:
    if not settings.symmetries:
        return None
    if not hasattr(task, "symmetries"):
        raise ValueError(f"symmetries=True needs a task that has symmetries, {task.name} has none")
    turned: Augment = task.symmetries
    return turned


def _fit_reward(model: LearntReward | None, data: Transitions, training: TrainingSettings, progress: bool) -> LearntReward | None:
    if model is None:
        return None
    model.normalise(data.states, data.actions, data.next_states, data.rewards)
    (fitted,), _ = train_reward(model, data, training, progress=progress)
    assert isinstance(fitted, LearntReward)
    return fitted


def _fit_value(
    model: LearntValue | None, settings: PETSSettings, data: Transitions, training: TrainingSettings, progress: bool
) -> LearntValue | None:
    if model is None:
        return None
    usual = replace(ValueSettings().training, seed=training.seed, split_by="step", threads=training.threads)
    chosen = ValueSettings(settings.planner_settings["discount"], training=usual)
    return learn_value(model, data, chosen, progress=progress)[0]


def hand_over(settings: PETSSettings, task: Any, models: Models, problem: Problem | None = None) -> Problem:
    """Give the Problem to plan on: new weights in the one given, or a new one. The numbers are the same either way."""
    dynamics = models.dynamics(settings.propagation)
    if problem is not None:
        problem.update(dynamics=dynamics, reward=models.reward, terminal_value=models.value)
        return problem
    reward = models.reward if models.reward is not None else of_task(task, "reward")
    value = models.value if models.value is not None else of_task(task, "terminal_value")
    return export(dynamics, reward, env=task, termination=of_task(task, "termination"), terminal_value=value)


def of_task(task: Any, name: str) -> Any:
    """What the task's method of this name gives; None without one."""
    return getattr(task, name, lambda: None)()
