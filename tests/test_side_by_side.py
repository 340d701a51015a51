"""Modules computed together: stacked where that is the same, else under vmap."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mbrl_fast.models import LTI, MLP, Gaussian
from mbrl_fast.reference.notebook import DynamicsModel
from mbrl_fast.side_by_side import SideBySide, side_by_side
from mbrl_fast.training import make_members


class TwoAxes(nn.Module):
    """Works on [B, ·] alone: with three axes it masks the wrong one, and no shape tells."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        seen = torch.cat([state, action], -1)
        mask = torch.ones_like(seen)
        mask[:, :2] = 0.0
        return self.layer(seen * mask)


class Normed(nn.Module):
    """Has a layer that cannot be stacked."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 3))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        output: Tensor = self.layers(torch.cat([state, action], -1))
        return output


def kind(together: SideBySide) -> str:
    return type(together).__name__


STACKED: list[Callable[[], nn.Module]] = [lambda: Gaussian(3, 1, (8,)), lambda: MLP(3, 1), lambda: LTI(3, 1)]
OTHERS: list[Callable[[], nn.Module]] = [TwoAxes, Normed, lambda: DynamicsModel(3, 1)]


@pytest.mark.parametrize("make", STACKED + OTHERS)
def test_each_member_predicts_on_its_own_data_as_it_does_alone(make: Callable[[], nn.Module]) -> None:
    members = make_members(make, 3)
    states, actions = torch.randn(3, 5, 3), torch.randn(3, 5, 1)
    together = side_by_side(members, (states[0], actions[0]))
    assert kind(together) == ("_Stacked" if make in STACKED else "_Vmapped")
    predicted, _ = together(states, actions)
    for i, member in enumerate(members):
        alone = member(states[i], actions[i])
        for got, expected in zip(predicted, alone, strict=True) if isinstance(alone, tuple) else [(predicted, alone)]:
            torch.testing.assert_close(got[i], expected)


@pytest.mark.parametrize("make", STACKED + OTHERS)
def test_modules_have_the_weights_as_they_are_now_and_members_keep_theirs(make: Callable[[], nn.Module]) -> None:
    members = make_members(make, 2)
    before = [nn.utils.parameters_to_vector(member.parameters()).clone() for member in members]
    together = side_by_side(members, (torch.randn(5, 3), torch.randn(5, 1)))
    with torch.no_grad():
        for parameter in together.parameters:
            parameter += 1.0
    for member, module, old in zip(members, together.modules(), before, strict=True):
        assert not module.training
        torch.testing.assert_close(nn.utils.parameters_to_vector(module.parameters()), old + 1.0)
        assert torch.equal(nn.utils.parameters_to_vector(member.parameters()), old)


def test_penalties_are_each_members_own() -> None:
    members = make_members(lambda: Gaussian(3, 1, (8,)), 2)
    with torch.no_grad():
        members[1].most_log_variance += 1.0  # type: ignore[operator]
    _, penalty = side_by_side(members, (torch.randn(5, 3), torch.randn(5, 1)))(torch.randn(2, 5, 3), torch.randn(2, 5, 1))
    torch.testing.assert_close(penalty, torch.stack([member.penalty() for member in members]))  # type: ignore[operator]
    _, none = side_by_side([MLP(3, 1)], (torch.randn(5, 3), torch.randn(5, 1)))(torch.randn(1, 5, 3), torch.randn(1, 5, 1))
    assert none.tolist() == [0.0]
