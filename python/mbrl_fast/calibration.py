"""Whether a model is as sure as it should be: how often the truth falls into the intervals that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .data import Transitions
from .models.mixture import Mixture

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Of the central intervals that are looked at."""


@dataclass(frozen=True)
class Calibration:
    """How a model's distributions agree with N real steps.

    Args:
        levels: [L], how much of a normal distribution each central interval holds.
        coverage: [L, S], how much of the truth each interval held, entry by entry; equal to the levels of a calibrated model.
            More: the model is less sure than it could be. Less: it is too sure.
        standardised_error: [S], root mean square of (truth − mean) / std; 1 of a calibrated model, greater of one that is too sure.
        negative_log_likelihood: mean over steps and entries, in nats, of states in their own units.
        steps: N.
    """

    levels: NDArray[np.float64]
    coverage: NDArray[np.float64]
    standardised_error: NDArray[np.float64]
    negative_log_likelihood: float
    steps: int


@torch.no_grad()
def calibrate(models: nn.Module | Sequence[nn.Module], data: Transitions, levels: Sequence[float] = LEVELS) -> Calibration:
    """Set the distributions of the next state beside what came.

    Args:
        models: a model that gives (mean, std), or the members of an ensemble, which count as their mixture's mean and spread.
        data: steps that were not trained on; those that crashed are left out. levels: of the central intervals, in (0, 1).

    Raises ValueError if a standard deviation is 0, as of a model that gives none.
    """
    if not levels or not all(0.0 < level < 1.0 for level in levels):
        raise ValueError(f"levels must be between 0 and 1, got levels={list(levels)}")
    steps = data.clean()
    if len(steps) == 0:
        raise ValueError("calibration needs at least one step that did not crash, got none")
    model = Mixture([models] if isinstance(models, nn.Module) else list(models))
    predicted = model(torch.from_numpy(steps.states), torch.from_numpy(steps.actions))
    mean, std = (values.numpy().astype(np.float64) for values in predicted)
    if not (std > 0.0).all():
        raise ValueError("calibration needs models that give a standard deviation greater than 0, got 0")
    z = (steps.next_states - mean) / std
    half_widths = np.sqrt(2.0) * torch.erfinv(torch.tensor(levels, dtype=torch.float64)).numpy()
    return Calibration(
        levels=np.asarray(levels, np.float64),
        coverage=np.stack([(np.abs(z) <= width).mean(0) for width in half_widths]),
        standardised_error=np.sqrt(np.square(z).mean(0)),
        negative_log_likelihood=float((0.5 * np.square(z) + np.log(std) + 0.5 * np.log(2.0 * np.pi)).mean()),
        steps=len(steps),
    )
