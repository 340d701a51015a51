"""The CEM twin: its statements one by one, on models whose best plan is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mbrl_fast.models import Bicycle
from mbrl_fast.reference import CEM, coloured_factor
from mbrl_fast.rewards import GoalDistance

GOAL = np.array([0.05, 0.03, 0.0, 0.0, 0.8, 0.6], np.float32)


def stay(state: Tensor, action: Tensor) -> Tensor:
    return state


def target(action: Tensor, aim: Tensor) -> Tensor:
    """Best where the action is `aim`."""
    return -(action - aim).square().sum(-1)


def planner(reward: Any = target, dynamics: Any = (stay,), low: Any = (-1.0, -1.0), high: Any = (1.0, 1.0), **options: Any) -> CEM:
    return CEM(list(dynamics), reward, low, high, **options)


def recorded(noise_of: Any = None) -> tuple[list[tuple[int, ...]], Any]:
    """A noise function that notes the keys it is asked for."""
    keys: list[tuple[int, ...]] = []

    def noise(seed: int, stream: int, plan: int, iteration: int, population: int, elements: int) -> np.ndarray:
        keys.append((seed, stream, plan, iteration, population, elements))
        return np.random.default_rng([seed, plan, iteration]).normal(size=(population, elements)).astype(np.float32)

    return keys, noise_of or noise


def test_it_finds_the_best_action() -> None:
    plan = planner(horizon=2, steps_per_knot=1, iterations=15, population=200).plan(np.zeros(6), aim=np.array([0.3, -0.6]))
    np.testing.assert_allclose(plan.actions, [[0.3, -0.6]] * 2, atol=0.05)
    assert plan.action.tolist() == plan.actions[0].tolist()


def test_noise_is_asked_for_by_its_key() -> None:
    keys, noise = recorded()
    cem = planner(noise=noise, horizon=3, population=20, elites=4, iterations=2, seed=7)
    for _ in range(2):
        cem.plan(np.zeros(6), aim=np.zeros(2))
    assert keys == [(7, 0, plan, iteration, 20, 6) for plan in (0, 1) for iteration in (0, 1)]


def test_the_same_seed_plans_the_same_and_reset_begins_anew() -> None:
    first, second = (planner(seed=4, warm_start=True, keep_elites=2) for _ in range(2))
    aim = np.array([0.5, 0.5])
    plans = [first.plan(np.zeros(6), aim=aim).actions for _ in range(2)]
    assert torch.equal(second.plan(np.zeros(6), aim=aim).actions, plans[0])
    assert not torch.equal(plans[0], plans[1])
    first.reset()
    assert torch.equal(first.plan(np.zeros(6), aim=aim).actions, plans[0])


@settings(max_examples=30, deadline=None)
@given(
    horizon=st.integers(1, 4), population=st.integers(8, 30), elites=st.integers(2, 8), keep=st.integers(0, 2),
    fresh=st.floats(0, 0.4), beta=st.sampled_from([0.0, 1.0, 3.0]), momentum=st.floats(0, 0.9), mean=st.booleans(),
    returns=st.sampled_from(["mean", "best"]), warm=st.booleans(),
)  # fmt: skip
def test_plans_are_finite_within_bounds_and_worth_what_they_say(
    horizon: int, population: int, elites: int, keep: int, fresh: float, beta: float, momentum: float, mean: bool, returns: str,
    warm: bool,
) -> None:  # fmt: skip
    low, high = torch.tensor([-1.0, 0.5]), torch.tensor([1.0, 0.75])
    cem = planner(
        GoalDistance(), [Bicycle()], low, high, horizon=horizon, steps_per_knot=2, population=population, elites=elites,
        iterations=2, keep_elites=keep, fresh_fraction=fresh, noise_beta=beta, momentum=momentum, include_mean=mean,
        returns=returns, warm_start=warm,
    )  # fmt: skip
    state = torch.tensor([0.0, 0.0, 0.1, 0.0, 1.0, 0.0])
    for _ in range(2):
        plan = cem.plan(state, goal=GOAL)
        assert plan.actions.shape == (horizon, 2)
        assert ((plan.actions >= low) & (plan.actions <= high)).all()
        assert plan.value == pytest.approx(float(cem.returns(state, plan.actions[None], goal=torch.from_numpy(GOAL))[0]))


def test_a_candidate_whose_return_is_not_finite_is_never_an_elite() -> None:
    def reward(action: Tensor) -> Tensor:
        return torch.where(action[:, 0] > 0, torch.full_like(action[:, 0], torch.nan), -action[:, 1])

    plan = planner(reward, population=40, elites=30, iterations=1, horizon=1).plan(np.zeros(6))
    assert 0 < len(plan.elites[0]) < 30
    assert plan.actions[0, 0] < 0


def test_with_no_finite_return_mean_and_std_are_kept() -> None:
    plan = planner(lambda action: action[:, 0] / 0.0 * 0.0, low=(0.0, 0.0), iterations=2).plan(np.zeros(6))
    assert plan.actions.tolist() == [[0.5, 0.5]] * 5
    assert [len(elites) for elites in plan.elites] == [0, 0]


def test_equal_returns_are_ranked_by_index() -> None:
    plan = planner(lambda action: action[:, 0] * 0.0, iterations=1).plan(np.zeros(6))
    assert plan.elites[0].tolist() == list(range(10))


def test_the_mean_and_the_kept_elites_are_candidates_in_the_first_slots() -> None:
    cem = planner(warm_start=True, include_mean=True, keep_elites=2, iterations=2, steps_per_knot=1, horizon=3)
    cem.plan(np.zeros(6), aim=np.array([0.2, 0.1]))
    expected = torch.cat([cem._shift(cem.mean)[None], cem._shift(cem.kept)])
    seen: list[Tensor] = []
    original = cem.returns
    cem.returns = lambda state, actions, **inputs: seen.append(actions) or original(state, actions, **inputs)  # type: ignore
    cem.plan(np.zeros(6), aim=np.array([0.2, 0.1]))
    torch.testing.assert_close(seen[0][:3], expected)


def test_the_last_candidates_are_fresh_from_the_initial_distribution() -> None:
    _, noise = recorded()
    cem = planner(noise=noise, fresh_fraction=0.25, population=40, iterations=3, horizon=1, init_std=0.5)
    seen: list[Tensor] = []
    original = cem.returns
    cem.returns = lambda state, actions, **inputs: seen.append(actions) or original(state, actions, **inputs)  # type: ignore
    cem.plan(np.zeros(6), aim=np.array([1.0, 1.0]))
    expected = torch.from_numpy(0.5 * noise(0, 0, 0, 2, 40, 2)[-10:]).clamp(-1, 1)
    torch.testing.assert_close(seen[2][-10:, 0], expected)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [(1.0, [0.25, 1.25, 2.25, 3.0]), (4.0, [1.0, 2.0, 3.0, 3.0]), (6.0, [1.5, 2.5, 3.0, 3.0]), (99.0, [3.0] * 4)],
)
def test_a_shifted_plan_is_the_time_average_of_what_the_held_plan_does(steps: float, expected: list[float]) -> None:
    cem = planner(horizon=4, steps_per_knot=4, low=(0.0,), high=(9.0,))
    torch.testing.assert_close(cem._shift(torch.arange(4.0)[:, None], steps)[:, 0], torch.tensor(expected))


def test_the_return_discounts_and_averages_members() -> None:
    def reward(state: Tensor, next_state: Tensor) -> Tensor:
        return next_state[:, 0] - state[:, 0]

    members = [lambda state, action, gain=gain: state + gain for gain in (1.0, 3.0)]
    cem = planner(reward, members, horizon=2, steps_per_knot=2, discount=0.5)
    assert cem.returns(torch.zeros(1), torch.zeros(3, 2, 2)).tolist() == [2.0 * (1 + 0.5 + 0.25 + 0.125)] * 3


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0, 3.0, 10.0])
@pytest.mark.parametrize("horizon", [1, 2, 10, 25])
def test_coloured_noise_has_unit_variance_and_is_smoother_with_beta(horizon: int, beta: float) -> None:
    factor = coloured_factor(horizon, beta)
    covariance = factor @ factor.T
    torch.testing.assert_close(covariance.diagonal(), torch.ones(horizon), atol=1e-4, rtol=0)
    assert torch.equal(factor, factor.tril())
    if horizon > 2:
        assert covariance[1, 0] > coloured_factor(horizon, beta / 2)[1, 0]
        assert covariance[-1, 0] < covariance[1, 0]  # the end is not tied to the beginning


def test_an_unknown_setting_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="unknown setting 'horizont'; known: horizon"):
        planner(horizont=5)
