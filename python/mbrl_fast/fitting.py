"""Fitting modules to columns of data, all of them in one batched pass: dynamics, rewards and values are fitted alike."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from .side_by_side import side_by_side

Array = NDArray[np.float32]
Augment = Callable[[Array, Array, Array, np.random.Generator], tuple[Array, Array, Array]]
"""(states, actions, next_states, generator) -> as many transitions, equally true (``Parking.symmetries``)."""


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Args:
        epochs: passes over the data, at most. batch_size: transitions per step and member.
        learning_rate: Adam's, at the start; ``schedule`` "cosine" takes it down to a hundredth, "constant" leaves it.
        weight_decay: decoupled (AdamW). validation_fraction: of the steps, split off by ``split_by``: whole episodes ("episode"),
            or steps at random ("step"), as there must be while a single episode has been seen.
        patience: epochs without a better validation loss until training stops; every member keeps the weights of its best epoch.
        bootstrap: whether each of several members draws its own transitions with replacement. seed: of split, bootstrap and order.
        threads: of torch while it trains. More than one helps networks with layers of hundreds of units alone.
        beta: of models that give a standard deviation: the log likelihood of each entry weighs variance^beta, as given (β-NLL,
            Seitzer et al. 2022, arXiv 2203.09168, eq. 5). With 0, the plain likelihood, the mean hardly learns where the network
            has once called it chance; 1 weighs errors as least squares do. Losses are reported without the weights.
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
    split_by: str = "episode"
    threads: int = 1
    beta: float = 0.5

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {name}={getattr(self, name)}")
        if not self.learning_rate > 0.0:
            raise ValueError(f"learning_rate must be greater than 0, got learning_rate={self.learning_rate}")
        if not self.weight_decay >= 0.0:
            raise ValueError(f"weight_decay must not be negative, got weight_decay={self.weight_decay}")
        if not 0.0 < self.validation_fraction < 1.0:
            raise ValueError(f"validation_fraction must be between 0 and 1, got validation_fraction={self.validation_fraction}")
        if not 0.0 <= self.beta <= 1.0:
            raise ValueError(f"beta must be in [0, 1], got beta={self.beta}")
        if self.schedule not in ("cosine", "constant"):
            raise ValueError(f'schedule must be "cosine" or "constant", got schedule={self.schedule!r}')
        if self.split_by not in ("episode", "step"):
            raise ValueError(f'split_by must be "episode" or "step", got split_by={self.split_by!r}')


@dataclass(frozen=True)
class History:
    """How training went.

    Args:
        train_loss, validation_loss: [epochs, M], the squared error of what is predicted (of dynamics: of the change of state), or
            the negative log likelihood of models that give a standard deviation; each entry in units of its spread.
        best_epoch: [M], whose weights were kept.
        open_loop: name with unit -> [horizon], mean error on validation episodes, step by step, of the members' mean prediction
            (empty without a task, or when no validation episode is that long).
    """

    train_loss: Array
    validation_loss: Array
    best_epoch: NDArray[np.int64]
    open_loop: dict[str, Array] = field(default_factory=dict)


def fit(
    members: Sequence[nn.Module], training: Sequence[Array], validation: Sequence[Array], spread: Array,
    settings: TrainingSettings, augment: Augment | None = None, progress: bool = True,
) -> tuple[list[nn.Module], History]:  # fmt: skip
    """Fit modules of one architecture, ``forward(*inputs) -> target`` or ``(mean, std)`` of it.

    Args:
        members: are left as they are. training, validation: columns [N, ·] or [N], the inputs and then the target.
        spread: what errors are measured in, greater than 0, a number for each entry of the target.
        augment: of the training columns, anew in each epoch.

    Returns:
        Trained copies, in evaluation mode, and the history. ValueError if a loss becomes infinite or NaN.
    """
    with _threads(settings.threads):
        state = _Fit(members, training, validation, spread, settings, augment)
        name = f"training {len(members)} × {type(members[0]).__name__}"
        # leave=None: a bar below another one goes when it is done, one by itself stays
        with tqdm(range(settings.epochs), desc=name, leave=None, disable=not progress) as bar:
            for _ in bar:
                state.epoch()
                bar.set_postfix(train=f"{state.losses[-1].mean():.2e}", validation=f"{state.validations[-1].mean():.2e}")
                if state.stale():
                    break
        return state.modules(), History(np.stack(state.losses), np.stack(state.validations), state.best_epoch)


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Fit:
    """The state of one training run: the members side by side, their optimizer and the best weights so far."""

    def __init__(
        self, members: Sequence[nn.Module], training: Sequence[Array], validation: Sequence[Array], spread: Array,
        settings: TrainingSettings, augment: Augment | None,
    ) -> None:  # fmt: skip
        self.settings, self.augment = settings, augment
        self.generator = np.random.default_rng(settings.seed)
        count, rows = len(members), len(training[-1])
        bootstrap = settings.bootstrap and count > 1
        chosen = self.generator.integers(0, rows, (count, rows)) if bootstrap else np.tile(np.arange(rows), (count, 1))
        self.columns = [column[chosen] for column in training]
        held_out = [torch.from_numpy(column) for column in validation]
        self.validation = [column.expand(count, *column.shape) for column in held_out]
        self.scale = torch.from_numpy(np.asarray(1.0 / spread, np.float32))
        self.members = side_by_side(members, [column[:8] for column in held_out[:-1]])
        self.best = [value.detach().clone() for value in self.members.parameters]
        self.best_loss, self.best_epoch = np.full(count, np.inf), np.zeros(count, np.int64)
        self.losses: list[Array] = []
        self.validations: list[Array] = []
        self.optimizer = torch.optim.AdamW(
            self.members.parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )

    def epoch(self) -> None:
        """One pass over the data, in a new order, then the validation loss."""
        count, rows = self.columns[0].shape[:2]
        batch = min(self.settings.batch_size, rows)
        steps, total = rows // batch, torch.zeros(count)
        tensors = self._shuffled()
        for step in range(steps):
            for group in self.optimizer.param_groups:
                group["lr"] = self._learning_rate(len(self.losses) + step / steps)
            part = slice(step * batch, (step + 1) * batch)
            loss, minimised = self._loss([tensor[:, part] for tensor in tensors])
            self.optimizer.zero_grad()
            torch.autograd.backward(minimised.sum())
            self.optimizer.step()
            total += loss.detach()
        self.losses.append((total / steps).numpy())
        with torch.no_grad():
            validation = self._loss(self.validation)[0].numpy()
        if not (np.isfinite(self.losses[-1]).all() and np.isfinite(validation).all()):
            epoch, rate = len(self.losses) - 1, self.settings.learning_rate
            raise ValueError(f"the loss is not finite in epoch {epoch}: lower learning_rate={rate}")
        self._keep_best(validation)

    def _shuffled(self) -> list[Tensor]:
        """The training columns in a new order for each member, augmented."""
        order = np.argsort(self.generator.random(self.columns[0].shape[:2]), axis=1)
        columns = [column[np.arange(len(order))[:, None], order] for column in self.columns]
        if self.augment is not None:
            states, actions, next_states = columns
            columns = list(self.augment(states, actions, next_states, self.generator))
        return [torch.from_numpy(column) for column in columns]

    def _loss(self, columns: list[Tensor]) -> tuple[Tensor, Tensor]:
        """(loss, what is minimised: it with weights and penalty), each [M], of columns [M, B, ·] or [M, B]."""
        predicted, penalty = self.members(*columns[:-1])
        if isinstance(predicted, Tensor):
            loss = ((predicted - columns[-1]) * self.scale).square().flatten(1).mean(1)
            return loss, loss + penalty
        mean, std = predicted
        error, relative = (columns[-1] - mean) / std, std * self.scale
        entries = 0.5 * error.square() + torch.log(relative)
        weights = relative.detach() ** (2.0 * self.settings.beta)
        minimised = (weights * entries).flatten(1).mean(1)
        # the penalty on the bounds of a std weighs what the likelihood does, or it would lift the least std there is
        return entries.flatten(1).mean(1), minimised + weights.flatten(1).mean(1) * penalty

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
        for best, value in zip(self.best, self.members.parameters, strict=True):
            best[better] = value.detach()[better]

    def stale(self) -> bool:
        """Whether no member has become better for ``patience`` epochs."""
        return len(self.validations) - 1 - int(self.best_epoch.max()) >= self.settings.patience

    @torch.no_grad()
    def modules(self) -> list[nn.Module]:
        """Plain modules with each member's best weights."""
        for value, best in zip(self.members.parameters, self.best, strict=True):
            value.copy_(best)
        return self.members.modules()
