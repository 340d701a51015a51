"""System identification: known equations, unknown numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import mbrl_fast as mf
from mbrl_fast.data import Transitions, collect
from mbrl_fast.identify import identify, parameters_of
from mbrl_fast.models import Bicycle
from mbrl_fast.tasks import Parking


@pytest.fixture(scope="module")
def data() -> Transitions:
    return collect(Parking(), transitions=200, seed=5, progress=False)


def test_the_cars_numbers_are_found_from_200_transitions(data: Transitions) -> None:
    start = Parking().physics()
    model, history = identify(start, data, task=Parking())
    found = parameters_of(model)
    assert found == pytest.approx({"length": 5.0, "acceleration": 5.0, "steering": np.pi / 4}, rel=1e-3)
    assert parameters_of(start) == {"length": 3.0, "acceleration": 3.0, "steering": 0.5}  # left as it was
    assert history.train_loss[-1, 0] < 1e-6 < history.train_loss[0, 0]
    assert history.validation_loss[history.best_epoch[0], 0] < 1e-6
    assert all(error[-1] < 0.05 for error in history.open_loop.values())
    assert not model.training
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def test_an_identified_bicycle_is_exported_like_any_model(data: Transitions) -> None:
    model, _ = identify(Parking().physics(), data)
    problem = mf.export(model, Parking().reward(), env=Parking(), terminal_value=Parking().terminal_value())
    assert max(problem.verify().values()) < 1e-4
    state, action = data.states[3], data.actions[3]
    predicted = problem.step(state[None], action[None], goal=np.zeros(6, np.float32))[0]
    np.testing.assert_allclose(np.asarray(predicted)[0], data.next_states[3], atol=1e-4)


def test_a_bicycle_that_is_not_learnable_has_nothing_to_identify(data: Transitions) -> None:
    assert list(Bicycle().parameters()) == []
    with pytest.raises(ValueError, match="identify needs a model with parameters to fit, got Bicycle without any"):
        identify(Bicycle(), data)
    with pytest.raises(ValueError, match="iterations must be at least 1, got iterations=0"):
        identify(Parking().physics(), data, iterations=0)


def test_a_model_that_cannot_be_fitted_is_refused(data: Transitions) -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(-1.0))

        def forward(self, state: Tensor, action: Tensor) -> Tensor:
            return state * self.scale.log()

    with pytest.raises(ValueError, match="the error is not finite after 0 evaluations"):
        identify(Broken(), data)
