"""Fitting dynamics models to transitions: one model or a bootstrap ensemble, all members in one batched pass."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from tqdm.auto import tqdm

from .data import Transitions

Array = NDArray[np.float32]
Augment = Callable[[Array, Array, Array, np.random.Generator], tuple[Array, Array, Array]]
"""(states, actions, next_states, generator) -> as many transitions, equally true (``Parking.symmetries``)."""


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Args:
        epochs: passes over the data, at most. batch_size: transitions per step and member.
        learning_rate: Adam's, at the start; ``schedule`` "cosine" takes it down to a hundredth, "constant" leaves it.
        weight_decay: decoupled (AdamW). validation_fraction: of the steps, split off by whole episodes.
        patience: epochs without a better validation loss until training stops; every member keeps the weights of its best epoch.
        bootstrap: whether each of several members draws its own transitions with replacement. seed: of split, bootstrap and order.
    """

    epochs: int = 300
    batch_size: int = 64
    learning_rate: float = 1e-2
    schedule: str = "cosine"
    weight_decay: float = 1e-4
    validation_fraction: float = 0.1
    patience: int = 100
    bootstrap: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {name}={getattr(self, name)}")
        if not self.learning_rate > 0.0:
            raise ValueError(f"learning_rate must be greater than 0, got learning_rate={self.learning_rate}")
        if not self.weight_decay >= 0.0:
            raise ValueError(f"weight_decay must not be negative, got weight_decay={self.weight_decay}")
        if not 0.0 < self.validation_fraction < 1.0:
            raise ValueError(f"validation_fraction must be between 0 and 1, got validation_fraction={self.validation_fraction}")
        if self.schedule not in ("cosine", "constant"):
            raise ValueError(f'schedule must be "cosine" or "constant", got schedule={self.schedule!r}')


@dataclass(frozen=True)
class History:
    """How training went.

    Args:
        train_loss, validation_loss: [epochs, M], squared error of the change of state, each entry in units of its spread.
        best_epoch: [M], whose weights were kept.
        open_loop: name with unit -> [horizon], mean error on validation episodes, step by step, of the members' mean prediction
            (empty without a task, or when no validation episode is that long).
    """

    train_loss: Array
    validation_loss: Array
    best_epoch: NDArray[np.int64]
    open_loop: dict[str, Array] = field(default_factory=dict)


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
        models: modules of one architecture, ``forward(state, action) -> next_state``; they are left as they are.
        augment: draws an equally true version of every transition, anew in each epoch.
        task: gives ``errors(predicted, actual)``, for the open-loop error in physical units.

    Returns:
        Trained copies, in evaluation mode, and the history. ValueError if a loss becomes infinite or NaN.
    """
    settings = settings or TrainingSettings()
    members = [models] if isinstance(models, nn.Module) else list(models)
    if not members:
        raise ValueError("train needs at least one model, got an empty list")
    training, validation = data.clean().split(settings.validation_fraction, settings.seed)
    fit = _Fit(members, training, validation, settings, augment)
    with tqdm(range(settings.epochs), desc=f"training {len(members)} × {type(members[0]).__name__}", disable=not progress) as bar:
        for _ in bar:
            fit.epoch()
            bar.set_postfix(train=f"{fit.losses[-1].mean():.2e}", validation=f"{fit.validations[-1].mean():.2e}")
            if fit.stale():
                break
    trained = fit.modules(members)
    open_loop = open_loop_errors(trained, validation, task) if task is not None else {}
    return trained, History(np.stack(fit.losses), np.stack(fit.validations), fit.best_epoch, open_loop)


class _Fit:
    """The state of one training run: stacked weights of all members, their optimizer and the best weights so far."""

    def __init__(
        self,
        members: list[nn.Module],
        training: Transitions,
        validation: Transitions,
        settings: TrainingSettings,
        augment: Augment | None,
    ) -> None:
        self.settings, self.augment = settings, augment
        self.generator = np.random.default_rng(settings.seed)
        count, rows = len(members), len(training)
        bootstrap = settings.bootstrap and count > 1
        chosen = self.generator.integers(0, rows, (count, rows)) if bootstrap else np.tile(np.arange(rows), (count, 1))
        self.columns = [column[chosen] for column in (training.states, training.actions, training.next_states)]
        held_out = (validation.states, validation.actions, validation.next_states)
        self.validation = [torch.from_numpy(column).expand(count, -1, -1) for column in held_out]
        spread = (training.next_states - training.states).std(0)
        self.scale = torch.from_numpy(1.0 / np.maximum(spread, 1e-6))
        parameters, self.buffers = stack_module_state([_WithPenalty(copy.deepcopy(member)).train() for member in members])
        self.parameters = {name: value.detach().requires_grad_() for name, value in parameters.items()}
        self.best = {name: value.detach().clone() for name, value in self.parameters.items()}
        self.best_loss, self.best_epoch = np.full(count, np.inf), np.zeros(count, np.int64)
        self.losses: list[Array] = []
        self.validations: list[Array] = []
        skeleton = _WithPenalty(copy.deepcopy(members[0])).to("meta")
        self.predict = vmap(lambda p, b, s, a: functional_call(skeleton, (p, b), (s, a)), randomness="different")
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(), lr=settings.learning_rate, weight_decay=settings.weight_decay, foreach=True
        )

    def epoch(self) -> None:
        """One pass over the data, in a new order, then the validation loss."""
        count, rows = self.columns[0].shape[:2]
        batch = min(self.settings.batch_size, rows)
        order = np.argsort(self.generator.random((count, rows)), axis=1)[..., None]
        columns = [np.take_along_axis(column, order, 1) for column in self.columns]
        if self.augment is not None:
            states, actions, next_states = columns
            columns = list(self.augment(states, actions, next_states, self.generator))
        tensors = [torch.from_numpy(column) for column in columns]
        steps, total = rows // batch, torch.zeros(count)
        for step in range(steps):
            for group in self.optimizer.param_groups:
                group["lr"] = self._learning_rate(len(self.losses) + step / steps)
            part = slice(step * batch, (step + 1) * batch)
            loss, penalty = self._loss(*(tensor[:, part] for tensor in tensors))
            self.optimizer.zero_grad()
            torch.autograd.backward((loss + penalty).sum())
            self.optimizer.step()
            total += loss.detach()
        self.losses.append((total / steps).numpy())
        with torch.no_grad():
            validation = self._loss(*self.validation)[0].numpy()
        if not (np.isfinite(self.losses[-1]).all() and np.isfinite(validation).all()):
            epoch, rate = len(self.losses) - 1, self.settings.learning_rate
            raise ValueError(f"the loss is not finite in epoch {epoch}: lower learning_rate={rate}")
        self._keep_best(validation)

    def _loss(self, states: Tensor, actions: Tensor, next_states: Tensor) -> tuple[Tensor, Tensor]:
        """Each member's loss [M], and its penalty [M].

        The loss is the mean squared error, or of a normal distribution the negative log likelihood, with every state entry in
        units of its spread.
        """
        predicted, penalty = self.predict(self.parameters, self.buffers, states, actions)
        if isinstance(predicted, Tensor):
            return ((predicted - next_states) * self.scale).square().mean((1, 2)), penalty
        mean, std = predicted
        error = (next_states - mean) / std
        return (0.5 * error.square() + torch.log(std * self.scale)).mean((1, 2)), penalty

    def _learning_rate(self, epoch: float) -> float:
        if self.settings.schedule == "constant":
            return self.settings.learning_rate
        done = epoch / self.settings.epochs
        return self.settings.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done)))

    def _keep_best(self, validation: Array) -> None:
        better = validation < self.best_loss
        self.best_loss = np.where(better, validation, self.best_loss)
        self.best_epoch = np.where(better, len(self.validations), self.best_epoch)
        self.validations.append(validation)
        for name, value in self.parameters.items():
            self.best[name][better] = value.detach()[better]

    def stale(self) -> bool:
        """Whether no member has become better for ``patience`` epochs."""
        return len(self.validations) - 1 - int(self.best_epoch.max()) >= self.settings.patience

    def modules(self, members: list[nn.Module]) -> list[nn.Module]:
        """Plain modules with each member's best weights."""
        trained = [copy.deepcopy(member).eval() for member in members]
        for i, module in enumerate(trained):
            stacked = {**self.buffers, **self.best}.items()
            module.load_state_dict({name.removeprefix("model."): value[i] for name, value in stacked})
        return trained


class _WithPenalty(nn.Module):
    """A model's prediction, and what it adds to the loss if it has a method ``penalty``."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, states: Tensor, actions: Tensor) -> tuple[Any, Tensor]:
        penalty = self.model.penalty() if hasattr(self.model, "penalty") else torch.zeros(())  # type: ignore[operator]
        return self.model(states, actions), penalty


def _mean(predicted: Any) -> Tensor:
    """The next state, of a normal distribution its mean."""
    mean: Tensor = predicted if isinstance(predicted, Tensor) else predicted[0]
    return mean


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
        states = [_mean(model(state, actions[:, t])) for model, state in zip(models, states, strict=True)]
        predicted.append(torch.stack(states).mean(0).numpy())
    errors = task.errors(np.stack(predicted, 1), data.next_states[steps])
    return {name: np.asarray(value.mean(0), dtype=np.float32) for name, value in errors.items()}
