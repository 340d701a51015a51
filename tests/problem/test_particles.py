"""Particles against PyTorch: the same numbers for the same noise, the right distribution for other noise, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

import mbrl_fast as mf
from mbrl_fast.problem import Problem
from mbrl_fast.reference import cem_variants
from mbrl_fast.reference.particles import ITERATION, particles, sampled

MEMBERS = 3
START = np.array([0.3, -0.2], np.float32)


class Noisy(nn.Module):
    """A small heteroskedastic network."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, 4))

    def forward(self, state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread = self.net(torch.cat([state, action], -1)).chunk(2, -1)
        return state + 0.3 * mean, 0.2 * nn.functional.softplus(spread) + 0.01


def reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    return -next_state.square().sum(-1) - 0.1 * state[..., 0].abs() - 0.01 * action.square().sum(-1)


def below(state: Tensor) -> Tensor:
    return state[..., 0] < -0.6


@pytest.fixture(scope="module")
def members() -> list[Noisy]:
    torch.manual_seed(7)
    return [Noisy() for _ in range(MEMBERS)]


@pytest.fixture(scope="module")
def problem(members: list[Noisy]) -> Problem:
    return export(members, termination=below)


def export(dynamics: Any, **slots: Any) -> Problem:
    return mf.export(dynamics, reward, state_size=2, action_size=1, action_low=-1, action_high=1, dt=0.1, **slots)


def sequences(count: int = 40, horizon: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(-1, 1, (count, horizon, 1)).astype(np.float32)


@torch.no_grad()
def in_torch(
    members: list[Noisy], actions: NDArray[np.float32], count: int, propagation: str, key: tuple[int, int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns [N, P] and states [N, T + 1, S] of every particle in double precision, with termination."""
    seed, stream, plan = key
    steps = actions.shape[1]
    dealt, noise = particles(lambda p, e: mf.noise(seed, stream, plan, ITERATION, p, e), count, MEMBERS, steps, 2, propagation)
    networks = [Noisy().double() for _ in members]
    for network, member in zip(networks, members, strict=True):
        network.load_state_dict(member.state_dict())
    totals, visited = [], []
    for p in range(count):
        state = torch.from_numpy(START).double().expand(len(actions), -1)
        total, alive, states = torch.zeros(len(actions), dtype=torch.float64), torch.ones(len(actions), dtype=torch.bool), [state]
        for t in range(steps):
            action = torch.from_numpy(actions[:, t]).double()
            after = sampled(networks[dealt[t, p]](state, action), noise[t, p].double())
            total = torch.where(alive, total + 0.9**t * reward(state, action, after), total)
            alive = alive & ~below(after)
            state = after
            states.append(state)
        totals.append(total)
        visited.append(torch.stack(states, 1))
    return torch.stack(totals, 1).numpy(), torch.stack(visited).mean(0).numpy()


@pytest.mark.parametrize("propagation", ["ts_inf", "ts1"])
@pytest.mark.parametrize("key", [(0, 0, 0), (5, 2, 11)])
def test_the_same_noise_gives_pytorchs_numbers(
    propagation: str, key: tuple[int, int, int], members: list[Noisy], problem: Problem
) -> None:
    actions = sequences()
    expected, visited = in_torch(members, actions, 12, propagation, key)
    seed, stream, plan = key
    returns, states, each = problem.rollout(
        START, actions, discount=0.9, particles=12, propagation=propagation, seed=seed, stream=stream, plan=plan,
        return_states=True, return_particles=True,
    )  # fmt: skip
    assert each.shape == (40, 12)
    assert np.abs(each - expected).max() <= 1e-5 * np.abs(expected).max()
    assert np.abs(returns - expected.mean(1)).max() <= 1e-5 * np.abs(expected).max()
    assert np.abs(states - visited).max() <= 1e-5 * np.abs(visited).max()
    assert np.ptp(each, axis=1).min() > 1e-3, "particles differ"


def test_without_particles_a_trajectory_is_a_member_at_its_mean(problem: Problem) -> None:
    actions = sequences()
    returns, each = problem.rollout(START, actions, return_particles=True)
    np.testing.assert_array_equal(returns, problem.rollout(START, actions))
    assert each.shape == (40, MEMBERS)
    np.testing.assert_allclose(each.mean(1), returns, rtol=1e-6)


@pytest.mark.parametrize("propagation", ["ts_inf", "ts1"])
def test_bits_do_not_depend_on_threads_or_neighbours(propagation: str, problem: Problem) -> None:
    actions = sequences(203)
    options: dict[str, Any] = {"particles": 6, "propagation": propagation, "seed": 3, "objective": "mean_std", "risk": -1.0}
    expected = problem.rollout(START, actions, **options)
    for threads in (2, 5):
        np.testing.assert_array_equal(problem.rollout(START, actions, threads=threads, **options), expected)
    np.testing.assert_array_equal(problem.rollout(START, actions[:37], **options), expected[:37])
    other = problem.rollout(START, actions, **{**options, "plan": 1})
    assert np.abs(other - expected).min() > 0, "another plan, another noise"
    np.testing.assert_array_equal(problem.rollout(START, actions, **options), expected)


OBJECTIVES: dict[str, tuple[float, Callable[[NDArray[np.float64]], Any]]] = {
    "mean": (0.0, lambda r: r.mean((0, 1))),
    "mean_std": (-1.5, lambda r: r.mean((0, 1)) - 1.5 * r.std((0, 1))),
    "mean_within": (2.0, lambda r: r.mean((0, 1)) + 2.0 * np.sqrt(r.var(1).mean(0))),
    "mean_between": (2.0, lambda r: r.mean((0, 1)) + 2.0 * r.mean(1).std(0)),
    "worst": (0.0, lambda r: r.min((0, 1))),
    "cvar": (0.25, lambda r: np.sort(r.reshape(12, -1), axis=0)[:3].mean(0)),
    "entropic": (-2.0, lambda r: -0.5 * np.log(np.exp(-2.0 * r).mean((0, 1)))),
}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objectives_are_numpys_on_the_particles(objective: str, problem: Problem) -> None:
    risk, expected = OBJECTIVES[objective]
    options: dict[str, Any] = {"particles": 12, "seed": 1, "objective": objective, "risk": risk}
    returns, each = problem.rollout(START, sequences(), return_particles=True, **options)
    grouped = each.T.astype(np.float64).reshape(MEMBERS, 4, -1)
    np.testing.assert_allclose(returns, expected(grouped), rtol=3e-6, atol=3e-6)
    twin = cem_variants.objective(torch.from_numpy(each.T), objective, risk, MEMBERS)
    np.testing.assert_allclose(returns, twin.numpy(), rtol=3e-6, atol=3e-6)


def test_every_objective_is_tested_here() -> None:
    assert set(OBJECTIVES) == set(mf.objective.OBJECTIVES)


class Drift(nn.Module):
    """next state = state + pull + spread·z: a random walk, whose return is known in closed form."""

    def __init__(self, pull: float, spread: float) -> None:
        super().__init__()
        self.pull, self.spread = nn.Parameter(torch.tensor(pull)), nn.Parameter(torch.tensor(spread))

    def forward(self, state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        return state + self.pull + 0.0 * action, self.spread.expand_as(state)


def walk(members: list[Drift]) -> Problem:
    """The return is the last state: the sum of the steps."""
    return mf.export(
        members, lambda state, next_state: (next_state - state)[..., 0], state_size=1, action_size=1, action_low=-1, action_high=1,
        dt=0.1,
    )  # fmt: skip


def test_other_noise_has_the_right_distribution() -> None:
    """Ten steps of a random walk end at N(10·pull, 10·spread²): moments of 20,000 particles, and no correlation between steps."""
    problem, steps, count = walk([Drift(0.1, 0.5)]), 10, 20000
    actions = np.zeros((1, steps, 1), np.float32)
    each = problem.rollout([0.0], actions, particles=count, seed=4, return_particles=True)[1][0].astype(np.float64)
    std = 0.5 * np.sqrt(steps)
    standard = (each - 1.0) / std
    assert abs(standard.mean()) < 4 / np.sqrt(count)
    assert abs(standard.var() - 1) < 4 * np.sqrt(2 / count), "steps are independent"
    assert abs((standard**3).mean()) < 4 * np.sqrt(15 / count)
    share = np.mean(np.abs(standard) < 1.0)
    assert abs(share - 0.6827) < 4 * np.sqrt(0.6827 * 0.3173 / count)


def test_within_is_chance_and_between_is_ignorance() -> None:
    """Members that drift by ±0.2 a step: between is 2.0 after ten, within is 0.5·√10; under ts1 the members average out."""
    problem, steps, count = walk([Drift(0.2, 0.5), Drift(-0.2, 0.5)]), 10, 4000
    actions = np.zeros((1, steps, 1), np.float32)
    spread = {
        objective: float(problem.rollout([0.0], actions, particles=count, objective=objective, risk=1.0)[0])
        - float(problem.rollout([0.0], actions, particles=count)[0])
        for objective in ("mean_within", "mean_between")
    }
    assert spread["mean_within"] == pytest.approx(0.5 * np.sqrt(steps), rel=0.05)
    assert spread["mean_between"] == pytest.approx(2.0, rel=0.05)
    total = {
        propagation: problem.rollout([0.0], actions, particles=count, propagation=propagation, return_particles=True)[1].std()
        for propagation in ("ts_inf", "ts1")
    }
    assert total["ts_inf"] == pytest.approx(np.sqrt(2.0**2 + 2.5), rel=0.05)
    assert total["ts1"] == pytest.approx(np.sqrt(10 * 0.2**2 + 2.5), rel=0.05)


@pytest.mark.parametrize("propagation", ["ts_inf", "ts1"])
def test_every_member_runs_equally_many_particles(propagation: str) -> None:
    """Members that move by 1, 10 and 100: the sum over the particles says who moved, in every single step."""
    problem = walk([Drift(1.0, 0.0), Drift(10.0, 0.0), Drift(100.0, 0.0)])
    for steps in (1, 2, 5):
        actions = np.zeros((1, steps, 1), np.float32)
        for plan in range(3):
            options: dict[str, Any] = {"particles": 6, "propagation": propagation, "plan": plan, "return_particles": True}
            each = problem.rollout([0.0], actions, **options)[1][0]
            assert each.sum() == 2 * 111 * steps
            if propagation == "ts_inf":
                np.testing.assert_array_equal(each, np.repeat([1.0, 10.0, 100.0], 2) * steps)


@pytest.mark.parametrize("name", sorted(mf.planners.REGISTRY))
def test_planners_answer_with_the_return_of_their_particles(name: str, problem: Problem) -> None:
    if name == "collocation":
        pytest.skip("plans on the mean, see its own tests")
    settings: dict[str, Any] = {"horizon": 4, "steps_per_knot": 1, "particles": 6, "propagation": "ts_inf", "seed": 9}
    planner = mf.planners.REGISTRY[name](problem, **settings)
    for count in range(3):
        plan = planner.plan(START)
        returns, each = problem.rollout(
            START, plan.actions[None], particles=6, seed=9, plan=count, return_particles=True, discount=planner.settings.discount
        )
        assert plan.value == returns[0]
        np.testing.assert_array_equal(plan.particle_returns, each[0])
        grouped = each[0].astype(np.float64).reshape(MEMBERS, 2)
        assert plan.within == pytest.approx(np.sqrt(grouped.var(1).mean()))
        assert plan.between == pytest.approx(grouped.mean(1).std())
    assert mf.replay(planner.snapshot()).same


def test_dealt_particles_belong_to_no_member(problem: Problem) -> None:
    plan = mf.CEM(problem, horizon=3, steps_per_knot=1, particles=6, propagation="ts1").plan(START)
    assert plan.particle_returns is not None
    assert len(plan.particle_returns) == 6
    assert np.isnan(plan.within)
    assert np.isnan(plan.between)


def test_gradients_are_those_of_the_same_particles(problem: Problem) -> None:
    actions = sequences(4, 5)
    for propagation in ("ts_inf", "ts1"):
        options: dict[str, Any] = {"particles": 6, "propagation": propagation, "seed": 2, "plan": 3}
        returns, gradients = problem.gradient(START, actions, **options)
        np.testing.assert_allclose(returns, problem.rollout(START, actions, **options), rtol=1e-5)
        moved = actions + 1e-2 * np.sign(gradients)
        gained = problem.rollout(START, moved, **options) - problem.rollout(START, actions, **options)
        np.testing.assert_allclose(gained, 1e-2 * np.abs(gradients).sum((1, 2)), rtol=0.1, atol=1e-3)


def test_pruned_particles_change_no_plan(problem: Problem) -> None:
    settings: dict[str, Any] = {"horizon": 6, "steps_per_knot": 1, "population": 400, "elites": 20, "particles": 6}
    whole, pruned = (mf.CEM(problem, prune=prune, **settings).plan(START) for prune in (False, True))
    np.testing.assert_array_equal(whole.actions, pruned.actions)
    assert whole.value == pruned.value
    assert pruned.model_steps < whole.model_steps


@given(count=st.integers(-3, 40))
def test_a_number_that_is_no_multiple_of_the_members_is_named(count: int, problem: Problem) -> None:
    if count >= 0 and count % MEMBERS == 0:
        assert len(problem.rollout(START, sequences(2), particles=count)) == 2
        return
    with pytest.raises(ValueError, match=r"^particles must be (0 or a multiple of the members|in 0\.\.100000), got "):
        problem.rollout(START, sequences(2), particles=count)


def test_what_makes_no_sense_is_refused(problem: Problem) -> None:
    plain = export([nn.Bilinear(2, 1, 2), nn.Bilinear(2, 1, 2)])
    with pytest.raises(
        ValueError, match=r"^particles of a model without a standard deviation do not differ: particles must be 0 or 2, got 4$"
    ):
        mf.CEM(plain, particles=4)
    assert mf.CEM(plain, particles=4, propagation="ts1").plan(START).status == "ok"
    with pytest.raises(ValueError, match=r"^objectives mean_within and mean_between need propagation ts_inf"):
        mf.CEM(problem, particles=6, propagation="ts1", objective="mean_between", risk=1.0)
    with pytest.raises(ValueError, match=r"^propagation must be 'ts_inf' or 'ts1', got 'tsinf'$"):
        mf.CEM(problem, particles=6, propagation="tsinf")
    with pytest.raises(ValueError, match=r"^particles must be in 0\.\.100000, got 100002$"):
        mf.CEM(problem, particles=100002)
