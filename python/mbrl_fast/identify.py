"""System identification: the few unknown numbers of known equations, from little data."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .data import Transitions
from .training import History, open_loop_errors


def identify(
    model: nn.Module, data: Transitions, *, iterations: int = 100, validation_fraction: float = 0.1, seed: int = 0, task: Any = None
) -> tuple[nn.Module, History]:
    """Fit the parameters of a model to transitions, all at once: L-BFGS on the one-step error, in double precision.

    A handful of parameters and equations that are true need neither batches nor an ensemble; a network is for ``train``.

    Args:
        model: ``forward(state, action) -> next_state`` with few parameters, which begin as they are; it is left as it is.
        data: steps; those that ended in a crash are left out.
        iterations: of L-BFGS, at most; it stops by itself when nothing changes.
        validation_fraction: of the steps, split off by whole episodes: reported, not fitted. seed: which episodes.
        task: as for ``train``.

    Returns:
        A fitted copy in single precision and evaluation mode, and the history, one row an evaluation. ValueError for a model
        without parameters, or if the error becomes infinite or NaN.
    """
    if iterations < 1:
        raise ValueError(f"iterations must be at least 1, got iterations={iterations}")
    training, validation = data.clean().split(validation_fraction, seed)
    fitted = copy.deepcopy(model).double()
    parameters = [parameter for parameter in fitted.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError(f"identify needs a model with parameters to fit, got {type(model).__name__} without any")
    scale = torch.from_numpy(1.0 / np.maximum((training.next_states - training.states).std(0), 1e-6)).double()
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=iterations, tolerance_grad=1e-12, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )
    train_losses, validation_losses = list[float](), list[float]()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = _error(fitted, training, scale)
        if not torch.isfinite(loss):
            raise ValueError(f"the error is not finite after {len(train_losses)} evaluations: begin from other parameters")
        torch.autograd.backward(loss)
        train_losses.append(float(loss.detach()))
        with torch.no_grad():
            validation_losses.append(float(_error(fitted, validation, scale)))
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    fitted = fitted.float().eval()
    open_loop = open_loop_errors([fitted], validation, task) if task is not None else {}
    losses = [np.array(values, dtype=np.float32)[:, None] for values in (train_losses, validation_losses)]
    return fitted, History(losses[0], losses[1], np.array([int(np.argmin(train_losses))]), open_loop)


def parameters_of(model: nn.Module) -> dict[str, Any]:
    """The parameters by name, as plain numbers: what was identified."""
    return {name: value.detach().tolist() for name, value in model.named_parameters()}


def _error(model: nn.Module, data: Transitions, scale: Tensor) -> Tensor:
    """The mean squared error, every state entry in units of its spread."""
    states, actions, next_states = (torch.from_numpy(column).double() for column in (data.states, data.actions, data.next_states))
    error: Tensor = (model(states, actions) - next_states) * scale
    return error.square().mean()
