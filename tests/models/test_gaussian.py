"""The Gaussian network: its mean, its spread, its scales, its angles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mbrl_fast.export import export
from mbrl_fast.models import Gaussian
from mbrl_fast.models.gaussian import BOUND_PENALTY, FLOOR


def rows(count: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    states = generator.normal(size=(count, 3)).astype(np.float32)
    actions = generator.normal(size=(count, 1)).astype(np.float32)
    return states, actions, states + 0.1 * states[:, [2, 0, 1]] + 3.0 * actions + 5.0


def reward(state: Tensor) -> Tensor:
    return -(state**2).sum(-1)


@pytest.mark.parametrize("std", ["bounded", "softplus"])
def test_mean_and_spread_are_those_of_the_changes_scaled(std: str) -> None:
    states, actions, after = rows()
    model = Gaussian(3, 1, (8,), std=std).normalise(states, actions, after)
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.zero_()
        mean, spread = model(torch.from_numpy(states), torch.from_numpy(actions))
    change = after - states
    np.testing.assert_allclose(mean.numpy(), states + change.mean(0), rtol=1e-5)
    expected = np.log(2.0) + FLOOR  # of a network that says nothing; of log-variances 0 clamped below 0.5 and above -10
    if std == "bounded":
        soft = 0.5 - np.log1p(np.exp(0.5))
        expected = np.exp(0.5 * (-10.0 + np.log1p(np.exp(soft + 10.0))))
    np.testing.assert_allclose(spread.numpy(), np.broadcast_to(expected * change.std(0), spread.shape), rtol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.floats(-1e4, 1e4))
def test_the_spread_stays_between_its_bounds_whatever_the_network_says(says: float) -> None:
    model = Gaussian(2, 1, (4,))
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.zero_()
        last = model.network[-1]
        assert isinstance(last, torch.nn.Linear)
        last.bias.fill_(says)
        spread = model(torch.zeros(1, 2), torch.zeros(1, 1))[1]
    assert (spread >= np.exp(-5.0) * 0.999).all()
    assert (spread <= np.exp(0.25) * 1.001).all()


def test_the_penalty_draws_the_bounds_together() -> None:
    model = Gaussian(3, 1, (4,))
    assert model.penalty().item() == pytest.approx(BOUND_PENALTY * 3 * 10.5)
    model.penalty().backward()
    assert model.most_log_variance.grad is not None
    assert (model.most_log_variance.grad > 0).all()
    assert (model.least_log_variance.grad < 0).all()
    assert Gaussian(3, 1, (4,), std="softplus").penalty().item() == 0.0


def test_the_network_sees_the_cosine_and_sine_of_an_angle_and_its_change_is_not_wrapped() -> None:
    states, actions, after = rows()
    model = Gaussian(3, 1, (8,), angles=(1,))
    turned = states + np.array([0, 2 * np.pi, 0], np.float32)
    seen = model.seen(torch.from_numpy(states), torch.from_numpy(actions)).numpy()
    expected = [states[:, 0], states[:, 2], np.cos(states[:, 1]), np.sin(states[:, 1]), actions[:, 0]]
    np.testing.assert_allclose(seen, np.stack(expected, 1), atol=1e-6)
    model.normalise(states, actions, after)
    with torch.no_grad():
        here, there = (model(torch.from_numpy(each), torch.from_numpy(actions)) for each in (states, turned))
    np.testing.assert_allclose((there[0] - here[0]).numpy(), turned - states, atol=1e-4)
    np.testing.assert_allclose(there[1].numpy(), here[1].numpy(), rtol=1e-4)


def test_an_entry_that_never_changes_keeps_the_scale_one() -> None:
    states, actions, after = rows()
    states[:, 1] = after[:, 1] = 0.1  # whose mean in single precision is not quite 0.1
    actions[:] = 1e6
    model = Gaussian(3, 1, (8,)).normalise(states, actions, after)
    assert model.input_std[[1, 3]].tolist() == [1.0, 1.0]
    assert float(model.change_std[1]) == 1.0
    assert float(model.input_mean[3]) == 1e6
    mean, spread = model(torch.from_numpy(states), torch.from_numpy(actions))
    assert mean.isfinite().all()
    assert spread.isfinite().all()


def test_entries_far_from_zero_and_hardly_spread_are_normalised_all_the_same() -> None:
    states, actions, after = rows()
    offset = np.array([0, 4096.0, 0], np.float32)
    near, far = Gaussian(3, 1, (8,)), Gaussian(3, 1, (8,))
    far.load_state_dict(near.state_dict())
    quarters = np.round(states * 64) / 64  # exact after the offset
    near.normalise(quarters, actions, after)
    far.normalise(quarters + offset, actions, after + offset)
    np.testing.assert_allclose(far.input_std.numpy(), near.input_std.numpy(), rtol=1e-5)
    with torch.no_grad():
        for here, there in zip(
            near(torch.from_numpy(quarters), torch.from_numpy(actions)),
            far(torch.from_numpy(quarters + offset), torch.from_numpy(actions)), strict=True,
        ):  # fmt: skip
            error = (there - here).numpy() - (offset if there.max() > 100 else 0.0)
            assert np.abs(error).max() < 2e-3


@pytest.mark.parametrize("std", ["bounded", "softplus"])
@pytest.mark.parametrize("angles", [(), (0, 2)])
def test_it_exports_with_its_spread(std: str, angles: tuple[int, ...]) -> None:
    states, actions, after = rows()
    model = Gaussian(3, 1, (16, 8), angles, std).normalise(states, actions, after)
    problem = export(model, reward, state_size=3, action_size=1, action_low=-1, action_high=1, dt=0.1)
    assert max(problem.verify().values()) < 1e-5
    arguments = {"state": states[:9], "action": actions[:9], "noise": np.ones((9, 3), np.float32)}
    got = problem._core.evaluate("step", arguments, 0)
    with torch.no_grad():
        mean, spread = model(torch.from_numpy(states[:9]), torch.from_numpy(actions[:9]))
    np.testing.assert_allclose(got["std"], spread.numpy(), rtol=1e-4)
    np.testing.assert_allclose(got["next_state"], (mean + spread).numpy(), rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"state_size": 0}, "state_size must be at least 1, got state_size=0"),
        ({"hidden_sizes": ()}, "hidden_sizes must be at least one size"),
        ({"std": "learnt"}, "std must be one of bounded, softplus, got std='learnt'"),
        ({"angles": (3,)}, "angles must be different indices below state_size=3"),
        ({"angles": (1, 1)}, "angles must be different indices below state_size=3"),
    ],
)
def test_bad_sizes_are_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Gaussian(**{"state_size": 3, "action_size": 1, **options})  # type: ignore[arg-type]
