"""CEM's variants, iteration by iteration against their specification in PyTorch, and what every planner promises."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported
from mbrl_fast.reference import cem_variants as spec
from mbrl_fast.reference import coloured_factor

SMALL: dict[str, Any] = {
    "horizon": 4, "steps_per_knot": 2, "population": 60, "elites": 12, "iterations": 4, "keep_elites": 2, "fresh_fraction": 0.2,
    "seed": 3,
}  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "truncate": {"truncate": True, "momentum": 0.2, "momentum_on": "variance"},
    "full": {"covariance": "full", "noise_beta": 1.0, "momentum": 0.3},
    "full and fixed": {"covariance": "full", "shrinkage": 0.1, "truncate": True},
    "choices": {"choices": (3, None), "momentum": 0.1},
    "all choices": {"choices": (5, 4), "min_probability": 0.05},
    "worst": {"objective": "worst"},
}


def decisions(planner: Any, count: int = 3) -> list[bytes]:
    plans = [planner.plan(STATE + 0.01 * i, goal=GOAL) for i in range(count)]
    return [plan.actions.tobytes() + plan.states.tobytes() + np.float32(plan.value).tobytes() for plan in plans]


@pytest.fixture(params=VARIANTS)
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {**SMALL, **VARIANTS[request.param]}


def bounds(problem: mf.Problem) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(problem.action_low), torch.from_numpy(problem.action_high)


def noise_of(settings: dict[str, Any], iteration: int) -> Tensor:
    n, h = settings["population"], settings["horizon"]
    return torch.from_numpy(mf.noise(settings["seed"], 0, 0, iteration, n, h * 2).reshape(n, h, 2).copy())


@pytest.mark.parametrize("beta", [0.0, 2.0])
def test_truncated_candidates_are_the_specifications(beta: float, small: Exported) -> None:
    settings = {**SMALL, **VARIANTS["truncate"], "noise_beta": beta, "keep_elites": 0, "include_mean": False}
    plan = mf.CEM(small.problem, **settings).plan(STATE, goal=GOAL, trace=True)
    low, high = bounds(small.problem)
    mid, half = (low + high) / 2, (high - low) / 2
    assert plan.trace is not None
    for at, iteration in enumerate(plan.trace):
        z = noise_of(settings, at)
        if beta > 0:
            z = torch.einsum("hk,nka->nha", coloured_factor(4, beta), z)
        mean, std = torch.from_numpy(iteration.mean), torch.from_numpy(iteration.std)
        expected = mean + spec.constrained_std(mean, std, low, high) * spec.truncated(z)
        expected[-12:] = mid + spec.constrained_std(mid, half, low, high) * spec.truncated(z[-12:])
        np.testing.assert_allclose(iteration.actions, expected.clamp(low, high).numpy(), rtol=0, atol=3e-6)
    for before, after in itertools.pairwise(plan.trace):
        elites = before.actions[before.elites].astype(np.float64)
        np.testing.assert_allclose(after.mean, 0.2 * before.mean + 0.8 * elites.mean(0), atol=1e-6)
        std = np.sqrt(0.2 * before.std.astype(np.float64) ** 2 + 0.8 * elites.var(0))
        np.testing.assert_allclose(after.std, np.maximum(std, 0.05 * half.numpy()), atol=1e-6)


def test_the_momentum_is_on_the_std_by_default(small: Exported) -> None:
    plan = mf.CEM(small.problem, **SMALL, momentum=0.4, min_std=0.0).plan(STATE, goal=GOAL, trace=True)
    assert plan.trace is not None
    for before, after in itertools.pairwise(plan.trace):
        spread = before.actions[before.elites].astype(np.float64).std(0)
        np.testing.assert_allclose(after.std, 0.4 * before.std + 0.6 * spread, atol=1e-6)


@pytest.mark.parametrize("shrinkage", [None, 0.0, 0.4, 1.0])
@pytest.mark.parametrize("momentum", [0.0, 0.3])
def test_correlated_candidates_are_the_specifications(momentum: float, shrinkage: float | None, small: Exported) -> None:
    settings: dict[str, Any] = {**SMALL, "covariance": "full", "shrinkage": shrinkage, "noise_beta": 1.0, "momentum": momentum}
    settings |= {"keep_elites": 0, "include_mean": False, "min_std": 0.1}
    plan = mf.CEM(small.problem, **settings).plan(STATE, goal=GOAL, trace=True)
    low, high = bounds(small.problem)
    colour = torch.kron(coloured_factor(4, 1.0).double(), torch.eye(2, dtype=torch.float64))
    matrix, factor = colour @ colour.T, colour
    assert plan.trace is not None
    for at, iteration in enumerate(plan.trace):
        z = noise_of(settings, at).double()
        correlated = (z.reshape(60, 8) @ factor.T).reshape(60, 4, 2)
        expected = (torch.from_numpy(iteration.mean) + torch.from_numpy(iteration.std) * correlated).clamp(low, high)[:-12]
        # where elites hardly vary, the rounding of single precision is a part of their correlation
        np.testing.assert_allclose(iteration.actions[:-12], expected.numpy(), rtol=0, atol=2e-3 if at else 1e-5)
        elites = torch.from_numpy(iteration.actions[iteration.elites].reshape(-1, 8))
        matrix = spec.correlation(elites, matrix, momentum, shrinkage)
        factor = torch.linalg.cholesky(matrix + 1e-6 * torch.eye(8, dtype=torch.float64))


def test_a_full_covariance_finds_a_narrow_diagonal_valley() -> None:
    """Two actions that must be equal, to a tenth, and of the right sum: what one is worth depends on the other."""

    def stay(state: Tensor, action: Tensor) -> Tensor:
        return state

    def valley(action: Tensor) -> Tensor:
        along, across = action[:, 0] + action[:, 1] - 1.2, action[:, 0] - action[:, 1]
        return -(along.square() + 100.0 * across.square())

    problem = mf.export(stay, valley, state_size=1, action_size=2, action_low=-1, action_high=1, dt=1.0)
    settings: dict[str, Any] = {
        "horizon": 1,
        "steps_per_knot": 1,
        "population": 100,
        "elites": 20,
        "min_std": 0.0,
        "keep_elites": 0,
    }
    settings |= {"include_mean": False, "returns": "mean"}
    values = {
        covariance: [
            mf.CEM(problem, covariance=covariance, iterations=8, seed=seed, **settings).plan([0.0]).value for seed in range(20)
        ]
        for covariance in ("diagonal", "full")
    }
    assert np.median(values["full"]) > 0.01 * np.median(values["diagonal"])


def test_categorical_candidates_are_the_specifications(small: Exported) -> None:
    settings = {**SMALL, "choices": (3, None), "momentum": 0.1, "min_probability": 0.04, "keep_elites": 0, "include_mean": False}
    plan = mf.CEM(small.problem, **settings).plan(STATE, goal=GOAL, trace=True)
    low, high = bounds(small.problem)
    values, even = spec.values(float(low[0]), float(high[0]), 3), torch.full((3,), 1 / 3)
    probabilities = [even] * 4
    assert plan.trace is not None
    for at, iteration in enumerate(plan.trace):
        z = noise_of(settings, at)
        for h in range(4):
            indices = spec.drawn(z[:, h, 0], probabilities[h])
            indices[-12:] = spec.drawn(z[-12:, h, 0], even)
            np.testing.assert_array_equal(iteration.actions[:, h, 0], values[indices].numpy())
            assert iteration.mean[h, 0] == values[probabilities[h].argmax()]
            assert iteration.std[h, 0] == 0
            probabilities[h] = spec.refitted(probabilities[h], indices[iteration.elites], 0.1, 0.04)
        mean, std = torch.from_numpy(iteration.mean[:, 1]), torch.from_numpy(iteration.std[:, 1])
        expected = (mean + std * z[:-12, :, 1]).clamp(low[1], high[1])
        np.testing.assert_allclose(iteration.actions[:-12, :, 1], expected.numpy(), rtol=0, atol=1e-6)


def test_probabilities_of_choices_move_with_time(small: Exported) -> None:
    settings = {**SMALL, "choices": (3, None), "min_probability": 0.04, "keep_elites": 0, "include_mean": False, "warm_start": True}
    planner = mf.CEM(small.problem, **settings)
    low, high = bounds(small.problem)
    values, even = spec.values(float(low[0]), float(high[0]), 3), torch.full((3,), 1 / 3)
    planner.plan(STATE, goal=GOAL)
    for plans, moved in enumerate((1.0, 2.0, 3.0, 0.0, 100.0), start=1):
        held = torch.tensor(planner._core.memory()[0][7]).reshape(4, 3)
        at = torch.arange(4) + moved / settings["steps_per_knot"]
        before, after = (held[i.clamp(max=3)] for i in (at.long(), at.long() + 1))
        expected = before + (at - at.floor())[:, None] * (after - before)
        trace = planner.plan(STATE, goal=GOAL, elapsed=moved, trace=True).trace
        assert trace is not None
        z = torch.from_numpy(mf.noise(settings["seed"], 0, plans, 0, 60, 8)).reshape(60, 4, 2)
        for h in range(4):
            indices = torch.cat([spec.drawn(z[:-12, h, 0], expected[h]), spec.drawn(z[-12:, h, 0], even)])
            np.testing.assert_array_equal(trace[0].actions[:, h, 0], values[indices].numpy())
            assert trace[0].mean[h, 0] == values[expected[h].argmax()]


def test_whole_numbers_and_continuous_actions_find_the_best_of_all() -> None:
    """Gears 0 … 4 and a push: the best of every combination is known by trying them."""

    def drive(state: Tensor, action: Tensor) -> Tensor:
        return state + torch.stack([(action[:, 0] - 1.0) * action[:, 1], action[:, 0] * 0.1], -1)

    def reward(next_state: Tensor, action: Tensor) -> Tensor:
        return -(next_state[:, 0] - 1.5).square() - 0.05 * next_state[:, 1] - 0.3 * (action[:, 0] - 3.0).abs()

    problem = mf.export(drive, reward, state_size=2, action_size=2, action_low=[0, -0.5], action_high=[4, 0.5], dt=1.0)
    settings: dict[str, Any] = {"horizon": 2, "steps_per_knot": 1, "choices": (5, None), "population": 300, "elites": 30}
    pushes = np.linspace(-0.5, 0.5, 41)
    grid = np.array(list(itertools.product(range(5), pushes, range(5), pushes)), np.float32).reshape(-1, 2, 2)
    returns = problem.rollout([0.0, 0.0], grid)
    best = grid[returns.argmax()]
    for answer in ("mean", "best"):
        plan = mf.CEM(problem, returns=answer, iterations=12, **settings).plan([0.0, 0.0])
        np.testing.assert_array_equal(plan.actions[:, 0], best[:, 0])
        assert plan.value > returns.max() - 2e-3


def test_seeds_threads_resets_and_copies(settings: dict[str, Any], ensemble: Exported) -> None:
    planner = mf.CEM(ensemble.problem, **settings)
    first = decisions(planner)
    assert decisions(mf.CEM(ensemble.problem, **settings, threads=3)) == first
    assert decisions(mf.CEM(ensemble.problem, **{**settings, "seed": 4})) != first
    copies = [copy.deepcopy(planner), pickle.loads(pickle.dumps(planner))]
    following = decisions(planner)
    assert following != first
    for other in copies:
        assert other.settings == planner.settings
        assert decisions(other) == following
    planner.reset()
    assert decisions(planner) == first


def test_snapshots_repeat_the_decision(settings: dict[str, Any], ensemble: Exported) -> None:
    planner = mf.CEM(ensemble.problem, **settings)
    for i in range(3):
        planner.plan(STATE + 0.01 * i, goal=GOAL, elapsed=1.5)
    again = mf.replay(planner.snapshot())
    assert again.same
    assert again.planner.settings == planner.settings


def test_rows_of_a_batch_plan_as_if_alone(settings: dict[str, Any], small: Exported) -> None:
    states = STATE + 0.05 * np.arange(3, dtype=np.float32)[:, None]
    together, alone = mf.CEM(small.problem, **settings), mf.CEM(small.problem, **settings)
    for _ in range(3):
        batch, first = together.plan_batch(states, goal=GOAL), alone.plan(states[0], goal=GOAL)
        np.testing.assert_array_equal(batch.actions[0], first.actions)
        assert batch.values[0] == first.value
    assert len({row.tobytes() for row in batch.actions}) == 3 or "choices" in settings


def test_every_answer_is_allowed(settings: dict[str, Any], small: Exported) -> None:
    low, high = small.problem.action_low, small.problem.action_high
    for returns, elites in (("mean", 12), ("best", 60)):
        planner = mf.CEM(small.problem, **{**settings, "returns": returns, "elites": elites})
        for i in range(4):
            actions = planner.plan(STATE, goal=GOAL, elapsed=0.7 * i, max_tiles=None if i % 2 else 1 - i // 2).actions
            assert (actions >= low).all()
            assert (actions <= high).all()
            for a, n in enumerate(settings.get("choices", ())):
                if n:
                    assert set(actions[:, a]) <= set(spec.values(float(low[a]), float(high[a]), n).tolist())


def test_pets_is_its_settings(small: Exported) -> None:
    planner = mf.CEM.pets(small.problem)
    s = planner.settings
    assert (s.truncate, s.momentum, s.momentum_on, s.init_std, s.returns) == (True, 0.1, "variance", 0.5, "mean")
    assert np.isfinite(planner.plan(STATE, goal=GOAL).value)
    assert mf.CEM.pets(small.problem, iterations=2).settings.iterations == 2


def test_wrong_settings_are_named(small: Exported) -> None:
    for sentence, options in {
        "momentum_on must be 'std' or 'variance', got 'mean'": {"momentum_on": "mean"},
        "covariance must be 'diagonal' or 'full', got 'low-rank'": {"covariance": "low-rank"},
        "choices must be 2, one for each action, got 1": {"choices": (3,)},
        "choices must be 0 \\(continuous\\) or 2..1000, got 1": {"choices": (1, None)},
        "max_rate of a discrete action must be infinite, got 0.5 for action 1": {"choices": (None, 3), "max_rate": 0.5},
        "a full covariance is for at most 256 knots · actions, got 400": {"covariance": "full", "horizon": 200},
    }.items():
        with pytest.raises(ValueError, match=f"^{sentence}$"):
            mf.CEM(small.problem, **options)
    for name, value in {"choices": "ab", "shrinkage": "much", "truncate": 1, "min_probability": None}.items():
        with pytest.raises(TypeError, match=f"^{name} must be"):
            mf.CEM(small.problem, **{name: value})
    limited = mf.CEM(small.problem, choices=[None, 3], max_rate=[0.5, np.inf])
    assert limited.settings.choices == (None, 3)
    assert limited.plan(STATE, goal=GOAL).status == "ok"
