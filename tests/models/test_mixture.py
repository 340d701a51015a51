"""An ensemble as one model: its mean, and the moments of its mixture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import mbrl_fast as mf
from mbrl_fast.models import MLP, Expectation, Gaussian, Mixture
from mbrl_fast.training import make_members

SIZES = {"state_size": 3, "action_size": 1, "action_low": -1, "action_high": 1, "dt": 0.1}


def gaussians(count: int = 3) -> list[nn.Module]:
    return make_members(lambda: Gaussian(3, 1, (16,)), count)


def inputs(count: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, generator=generator), torch.rand(count, 1, generator=generator)


def exported(model: nn.Module) -> mf.Problem:
    return mf.export(model, lambda state: -(state**2).sum(-1), **SIZES)


def test_the_expectation_is_the_mean_of_the_means() -> None:
    members = [*gaussians(2), MLP(3, 1)]
    state, action = inputs()
    means = [members[0](state, action)[0], members[1](state, action)[0], members[2](state, action)]
    torch.testing.assert_close(Expectation(members)(state, action), sum(means) / 3)


def test_the_mixture_has_the_moments_of_samples_of_its_members() -> None:
    members = gaussians()
    state, action = inputs(1)
    mean, std = Mixture(members)(state, action)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = [torch.distributions.Normal(*member(state, action)).sample((200_000,)) for member in members]
    samples = torch.cat(parts)
    torch.testing.assert_close(mean, samples.mean(0), atol=0.01, rtol=0.0)
    torch.testing.assert_close(std, samples.std(0), atol=0.01, rtol=0.0)


def test_the_mixture_of_equal_members_is_the_member_and_of_sure_ones_their_spread() -> None:
    (member,) = gaussians(1)
    state, action = inputs()
    for got, expected in zip(Mixture([member] * 3)(state, action), member(state, action), strict=True):
        torch.testing.assert_close(got, expected)
    sure = make_members(lambda: MLP(3, 1), 2)
    first, second = (each(state, action) for each in sure)
    torch.testing.assert_close(Mixture(sure)(state, action)[1], (first - second).abs() / 2)


def test_both_export_as_one_model() -> None:
    members = gaussians()
    state, action = inputs()
    problem = exported(Expectation(members))
    assert problem.members == 1
    got = problem._core.evaluate("step", {"state": state.numpy(), "action": action.numpy()}, 0)
    np.testing.assert_allclose(got["next_state"], Expectation(members)(state, action).detach(), rtol=1e-4, atol=1e-5)
    problem = exported(Mixture(members))
    assert problem.members == 1
    assert max(problem.verify().values()) < 1e-5
    noise = np.zeros((len(state), 3), np.float32)
    got = problem._core.evaluate("step", {"state": state.numpy(), "action": action.numpy(), "noise": noise}, 0)
    mean, std = Mixture(members)(state, action)
    np.testing.assert_allclose(got["next_state"], mean.detach(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got["std"], std.detach(), rtol=1e-4)


def test_no_members_are_refused() -> None:
    for kind in (Expectation, Mixture):
        with pytest.raises(ValueError, match="members must be at least one module, got an empty list"):
            kind([])
