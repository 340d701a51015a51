"""Rewards of the MuJoCo tasks; tests/tasks compares them with the environments themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from mbrl_fast.rewards import ForwardReward, ReachReward, SwingUpReward


def test_swinging_up_pays_most_upright_in_the_middle() -> None:
    reward, still = SwingUpReward(), torch.zeros(1)
    assert float(reward(torch.tensor([0.0, torch.pi, 3.0, -2.0]), still)) == pytest.approx(1.0)
    assert float(reward(torch.tensor([0.0, 0.0, 0.0, 0.0]), still)) == pytest.approx(torch.e**-4)
    assert float(reward(torch.tensor([0.6, torch.pi, 0.0, 0.0]), still)) == pytest.approx(torch.e**-1)
    assert float(reward(torch.tensor([0.0, -torch.pi, 0.0, 0.0]), torch.tensor([3.0]))) == pytest.approx(1 - 0.09)


def test_reaching_costs_the_distance_and_the_torques() -> None:
    state, goal = torch.tensor([torch.pi / 2, 0.0, 9.0, 9.0]), torch.tensor([0.03, 0.17])
    assert float(ReachReward()(state, torch.zeros(2), goal)) == pytest.approx(-0.05)
    assert float(ReachReward()(state, torch.tensor([1.0, -0.5]), goal)) == pytest.approx(-1.3)


def test_reaching_has_finite_gradients_at_the_goal_and_takes_a_goal_each() -> None:
    state = torch.zeros(4, requires_grad=True)
    ReachReward()(state, torch.zeros(2), torch.tensor([0.21, 0.0])).backward()
    assert state.grad is not None
    assert state.grad.isfinite().all()
    states, actions, goal = torch.randn(3, 5, 4), torch.randn(3, 5, 2), torch.randn(2)
    torch.testing.assert_close(ReachReward()(states, actions, goal), ReachReward()(states, actions, goal.expand(3, 5, 2)))


def test_running_pays_the_speed_and_costs_the_torques() -> None:
    state = torch.tensor([2.0, -7.0])
    assert float(ForwardReward()(state, torch.tensor([1.0, -1.0]))) == pytest.approx(1.8)
    assert float(ForwardReward(speed=1, effort_weight=0.0)(state, torch.ones(6))) == -7.0


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: SwingUpReward(length=0.0), "^length must be greater than 0 and finite, got length=0.0$"),
        (lambda: SwingUpReward(effort_weight=-1.0), "^effort_weight must be finite and not negative, got effort_weight=-1.0$"),
        (lambda: ReachReward(lower=-0.1), "^lower must be greater than 0 and finite, got lower=-0.1$"),
        (lambda: ReachReward(distance_weight=-1.0), "^distance_weight must be finite and not negative, got distance_weight=-1.0$"),
        (lambda: ForwardReward(speed=-1), "^speed must be an index from 0, got speed=-1$"),
        (
            lambda: ForwardReward(effort_weight=float("nan")),
            "^effort_weight must be finite and not negative, got effort_weight=nan$",
        ),
    ],
)
def test_bad_options_are_refused_with_a_sentence(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
