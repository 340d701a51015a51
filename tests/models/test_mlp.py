"""The residual network: scales, angles, what it begins as."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mbrl_fast.export import export
from mbrl_fast.models import MLP


def rows(count: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    states = generator.normal(size=(count, 3)).astype(np.float32)
    actions = generator.normal(size=(count, 1)).astype(np.float32)
    return states, actions, states + 0.1 * states[:, [2, 0, 1]] + 3.0 * actions + 5.0


def test_it_begins_as_the_best_linear_model() -> None:
    states, actions, after = rows()
    model = MLP(3, 1, (8,)).normalise(states, actions, after)
    predicted = model(torch.from_numpy(states), torch.from_numpy(actions)).detach().numpy()
    np.testing.assert_allclose(predicted, after, atol=1e-4)


def test_a_few_transitions_that_end_at_a_stop_do_not_bend_it() -> None:
    states, actions, after = rows()
    model = MLP(3, 1, (8,)).normalise(states, actions, np.minimum(after, after[:, :1].max(0) - 3.0))
    free = (after <= after[:, :1].max(0) - 3.0).all(1)
    assert 5 < (~free).sum() < 40
    predicted = model(torch.from_numpy(states), torch.from_numpy(actions)).detach().numpy()
    np.testing.assert_allclose(predicted[free], after[free], atol=2e-3)


def test_angles_are_turned_and_stay_of_length_one() -> None:
    angle, turn = np.linspace(-3, 3, 50), 0.3
    states = np.stack([np.ones(50), np.sin(angle), np.cos(angle)], 1).astype(np.float32)
    after = np.stack([np.ones(50), np.sin(angle + turn), np.cos(angle + turn)], 1).astype(np.float32)
    actions = np.zeros((50, 1), np.float32)
    model = MLP(3, 1, (8, 8), angles=[(2, 1)]).normalise(states, actions, after)
    predicted = model(torch.from_numpy(states), torch.from_numpy(actions)).detach().numpy()
    np.testing.assert_allclose(predicted, after, atol=1e-5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    torch.testing.assert_close(model(torch.randn(5, 3), torch.randn(5, 1))[:, 1:].norm(dim=-1), torch.ones(5))


def test_an_entry_that_never_changes_does_no_harm() -> None:
    states, actions, after = rows()
    states[:, 1] = after[:, 1] = 4.0
    model = MLP(3, 1).normalise(states, actions, after)
    assert model(torch.from_numpy(states), torch.from_numpy(actions)).isfinite().all()


def test_it_can_be_exported() -> None:
    model = MLP(3, 1, (8, 8), angles=[(0, 1)]).normalise(*rows())
    problem = export(
        model, lambda state, action: -(state**2).sum(-1), state_size=3, action_size=1, action_low=-1, action_high=1, dt=0.1
    )
    assert max(problem.verify().values()) < 1e-4


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="state_size must be at least 1, got state_size=0"):
        MLP(0, 1)
    with pytest.raises(ValueError, match="hidden_sizes must be at least one size"):
        MLP(3, 1, ())
    for angles in ([(0, 0)], [(0, 3)], [(0, 1), (1, 2)]):
        with pytest.raises(ValueError, match="angles must be pairs of different indices below state_size=3"):
            MLP(3, 1, angles=angles)
