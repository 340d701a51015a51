"""The ensemble as one module: the same numbers as its members, there and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import mbrl_fast as mf
from mbrl_fast.models import LTI, MLP, Ensemble, Gaussian
from mbrl_fast.training import make_members

SIZES = {"state_size": 3, "action_size": 1, "action_low": -1, "action_high": 1, "dt": 0.1}


def gaussians(count: int = 4, std: str = "bounded") -> list[nn.Module]:
    """Members with scales of their own, as bootstrap data give them."""
    generator = np.random.default_rng(0)
    members = make_members(lambda: Gaussian(3, 1, (16, 8), (1,), std), count)
    for member in members:
        states, changes = generator.normal(size=(2, 40, 3)).astype(np.float32)
        assert isinstance(member, Gaussian)
        member.normalise(states, generator.normal(size=(40, 1)).astype(np.float32), states + 0.1 * changes)
    return members


def flat(output: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    return torch.stack([output] if isinstance(output, Tensor) else list(output), -1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: gaussians(),
        lambda: gaussians(1, "softplus"),
        lambda: make_members(lambda: MLP(3, 1, (8,), [(0, 2)]), 3),
        lambda: make_members(lambda: LTI(3, 1, position_size=1), 3),
    ],
)
def test_it_gives_what_its_members_give_and_gives_them_back(make: Callable[[], list[nn.Module]]) -> None:
    members = make()
    state, action = torch.randn(6, 3), torch.randn(6, 1)
    own_states, own_actions = torch.randn(len(members), 6, 3), torch.randn(len(members), 6, 1)
    ensemble = Ensemble(members)
    again = ensemble.members()
    with torch.no_grad():
        alone = torch.stack([flat(member(state, action)) for member in members])
        torch.testing.assert_close(flat(ensemble(state, action)), alone)
        on_their_own = [flat(member(s, a)) for member, s, a in zip(members, own_states, own_actions, strict=True)]
        torch.testing.assert_close(flat(ensemble(own_states, own_actions)), torch.stack(on_their_own))
    for before, after in zip(members, again, strict=True):
        assert type(before) is type(after)
        assert all(torch.equal(value, after.state_dict()[name]) for name, value in before.state_dict().items())
        assert list(before.state_dict()) == list(after.state_dict())


def test_gradients_are_those_of_the_members() -> None:
    members = gaussians()
    ensemble = Ensemble(members)
    state, action = torch.randn(6, 3), torch.randn(6, 1)
    flat(ensemble(state, action)).square().sum().backward()
    for member in members:
        flat(member(state, action)).square().sum().backward()
    layer = ensemble.batched.network[0]  # type: ignore[index]
    for index, member in enumerate(members):
        torch.testing.assert_close(layer.weight.grad[index].T, member.network[0].weight.grad)  # type: ignore[index,union-attr]


def test_it_copies_weights_and_leaves_torchs_seed_alone() -> None:
    members = gaussians(2)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    ensemble = Ensemble(members)
    again = ensemble.members()
    assert torch.rand(1) == expected
    with torch.no_grad():
        for parameter in ensemble.parameters():
            parameter.zero_()
    assert flat(again[0](torch.ones(1, 3), torch.ones(1, 1))).abs().sum() > 0
    assert flat(members[0](torch.ones(1, 3), torch.ones(1, 1))).abs().sum() > 0


@pytest.mark.parametrize("std", ["bounded", "softplus"])
def test_it_exports_as_its_members_do(std: str) -> None:
    members = gaussians(std=std)
    ensemble = Ensemble(members)
    problem = mf.export(ensemble, lambda state: -(state**2).sum(-1), **SIZES)
    assert problem.members == 4
    assert problem.bytes == mf.export(members, lambda state: -(state**2).sum(-1), **SIZES).bytes


def test_its_batched_forward_exports_too_with_a_spread_for_every_member() -> None:
    ensemble = Ensemble(gaussians())
    problem = mf.export(lambda state, action: ensemble(state, action), lambda state: -(state**2).sum(-1), **SIZES)
    assert problem.members == 4
    assert max(problem.verify().values()) < 1e-5
    generator = np.random.default_rng(1)
    state, action = generator.normal(size=(9, 3)).astype(np.float32), generator.uniform(-1, 1, (9, 1)).astype(np.float32)
    with torch.no_grad():
        mean, std = ensemble(torch.from_numpy(state), torch.from_numpy(action))
    for member in range(4):
        got = problem._core.evaluate("step", {"state": state, "action": action, "noise": np.zeros_like(state)}, member)
        np.testing.assert_allclose(got["next_state"], mean[member], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(got["std"], std[member], rtol=1e-4)


def test_members_of_different_architectures_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one member, got none"):
        Ensemble([])
    for other in (Gaussian(3, 1, (9, 8), (1,)), Gaussian(3, 1, (16, 8), (2,)), MLP(3, 1, (16, 8))):
        with pytest.raises(ValueError, match="must have the same architecture"):
            Ensemble([Gaussian(3, 1, (16, 8), (1,)), other])


def test_layers_that_cannot_be_stacked_are_refused_by_name() -> None:
    with pytest.raises(
        TypeError, match=r"stacks linear layers and vectors that a module holds itself, got weight of LayerNorm '1'"
    ):
        Ensemble([nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))])
