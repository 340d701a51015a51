"""CEM in C++ against its specification in PyTorch, given the same noise; and its own answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported
from mbrl_fast.reference import CEM as Twin
from mbrl_fast.reference import coloured_factor

GAP = 1e-5
"""Elites are compared wherever the returns at rank K differ by more."""

NOTEBOOK: dict[str, Any] = {
    "horizon": 5, "steps_per_knot": 5, "population": 100, "elites": 10, "iterations": 5, "init_std": 1.0, "min_std": 0.0,
    "momentum": 0.0, "discount": 1.0, "keep_elites": 0, "include_mean": False, "returns": "mean", "warm_start": False,
    "fresh_fraction": 0.0, "noise_beta": 0.0,
}  # fmt: skip
SETTINGS: dict[str, dict[str, Any]] = {
    "notebook": {},
    "warm start": {"warm_start": True},
    "kept elites": {"keep_elites": 3},
    "warm start and kept elites": {"warm_start": True, "keep_elites": 4, "include_mean": True},
    "fresh candidates": {"fresh_fraction": 0.25},
    "all candidates fresh": {"fresh_fraction": 1.0},
    "the mean as a candidate": {"include_mean": True},
    "momentum": {"momentum": 0.3},
    "a floor under the std": {"min_std": 0.3},
    "a narrow start": {"init_std": 0.2},
    "coloured noise": {"noise_beta": 1.0},
    "steep noise": {"noise_beta": 4.0, "horizon": 12, "steps_per_knot": 1},
    "discount": {"discount": 0.9},
    "a limit on rates": {"max_rate": 0.7, "warm_start": True},
    "limits on rates": {"max_rate": (0.6, 0.2), "warm_start": True, "keep_elites": 3, "include_mean": True, "fresh_fraction": 0.2},
    "one step a knot": {"steps_per_knot": 1, "horizon": 8},
    "everything": {
        "warm_start": True, "keep_elites": 3, "include_mean": True, "fresh_fraction": 0.2, "noise_beta": 2.0, "momentum": 0.1,
        "min_std": 0.05, "discount": 0.95, "population": 77, "elites": 9, "steps_per_knot": 2, "seed": 12,
    },
}  # fmt: skip


class Recording(Twin):
    """The twin, which remembers the candidates that it evaluated and their returns."""

    def returns(self, state: Tensor, actions: Tensor, **inputs: Tensor) -> Tensor:
        result = super().returns(state, actions, **inputs)
        self.seen.append((actions.clone(), result))
        return result

    def plan(self, state: Any, **inputs: Any) -> Any:
        self.seen: list[tuple[Tensor, Tensor]] = []
        return super().plan(state, **inputs)


def twin_of(exported: Exported, stream: int = 0, **settings: Any) -> Recording:
    problem = exported.problem

    def noise(seed: int, _: int, plan: int, iteration: int, population: int, elements: int) -> Any:
        return mf.noise(seed, stream, plan, iteration, population, elements)

    return Recording(
        exported.dynamics, exported.reward, problem.action_low, problem.action_high, noise=noise, dt=problem.dt, **settings
    )


def elites(returns: Any, count: int) -> list[int]:
    """The best `count`, best first, equal ones by index."""
    order = sorted(range(len(returns)), key=lambda n: (-float(returns[n]), n))
    return order[:count]


def gap(returns: Tensor, count: int) -> float:
    """How much better the last elite is than the first of the others."""
    ordered = torch.sort(returns, descending=True).values
    return float(ordered[count - 1] - ordered[count]) if count < len(ordered) else float("inf")


@pytest.mark.parametrize("name", [*SETTINGS, "an ensemble", "an ensemble with everything"])
def test_plans_as_the_twin_does(name: str, small: Exported, ensemble: Exported) -> None:
    exported = ensemble if "ensemble" in name else small
    settings = {**NOTEBOOK, **SETTINGS.get(name, SETTINGS["everything"] if "everything" in name else {})}
    planner, twin = mf.CEM(exported.problem, **settings), twin_of(exported, **settings)
    compared = 0
    for step in range(3):
        state = STATE + 0.02 * step
        plan, expected = planner.plan(state, goal=GOAL), twin.plan(state, goal=GOAL)
        if min(gap(returns, settings["elites"]) for _, returns in twin.seen[:-1]) <= GAP:
            break  # from here on they may rightly differ
        compared += 1
        for (actions, returns), chosen in zip(twin.seen, expected.elites, strict=False):
            ours = exported.problem.rollout(
                state, actions.numpy(), steps_per_knot=settings["steps_per_knot"], discount=settings["discount"], goal=GOAL
            )
            assert set(elites(ours, settings["elites"])) == set(chosen.tolist())
            np.testing.assert_allclose(ours, returns.numpy(), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(plan.actions, expected.actions.numpy(), rtol=0, atol=1e-5)
        assert plan.value == pytest.approx(expected.value, rel=1e-5, abs=1e-5)
    assert compared >= 1


@pytest.mark.parametrize("iterations", [1, 2, 3, 4])
def test_every_refit_gives_the_twins_mean(iterations: int, small: Exported) -> None:
    settings = {**NOTEBOOK, **SETTINGS["everything"], "iterations": iterations}
    plan, expected = mf.CEM(small.problem, **settings).plan(STATE, goal=GOAL), twin_of(small, **settings).plan(STATE, goal=GOAL)
    np.testing.assert_allclose(plan.actions, expected.actions.numpy(), rtol=0, atol=1e-5)


def test_the_best_candidate_is_the_twins(small: Exported) -> None:
    settings = {**NOTEBOOK, **SETTINGS["everything"], "returns": "best"}
    planner, twin = mf.CEM(small.problem, **settings), twin_of(small, **settings)
    for step in range(3):
        state = STATE + 0.02 * step
        plan, expected = planner.plan(state, goal=GOAL), twin.plan(state, goal=GOAL)
        np.testing.assert_allclose(plan.actions, expected.actions.numpy(), rtol=0, atol=1e-5)
        assert plan.value == pytest.approx(max(float(returns.max()) for _, returns in twin.seen), rel=1e-5)


def test_the_notebook_preset_is_the_notebooks_planner(small: Exported) -> None:
    preset, spelled = mf.CEM.notebook(small.problem), mf.CEM(small.problem, **NOTEBOOK)
    assert preset.settings == spelled.settings
    np.testing.assert_array_equal(preset.plan(STATE, goal=GOAL).actions, spelled.plan(STATE, goal=GOAL).actions)
    assert mf.CEM.notebook(small.problem, iterations=2).settings.iterations == 2


def test_row_b_of_a_batch_is_the_twin_with_stream_b(small: Exported) -> None:
    settings = {**NOTEBOOK, "warm_start": True, "horizon": 3}
    planner = mf.CEM(small.problem, **settings)
    twins = [twin_of(small, stream, **settings) for stream in range(3)]
    for step in range(2):
        states = STATE + 0.02 * step + 0.1 * np.arange(3, dtype=np.float32)[:, None]
        batch = planner.plan_batch(states, goal=GOAL)
        for row, twin in enumerate(twins):
            np.testing.assert_allclose(batch.actions[row], twin.plan(states[row], goal=GOAL).actions.numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("horizon", [1, 2, 5, 20])
def test_coloured_candidates_are_the_twins(beta: float, horizon: int, small: Exported) -> None:
    """With one elite and one iteration the mean is a candidate itself: the colouring alone is compared."""
    one = {"population": 1, "elites": 1, "iterations": 1, "steps_per_knot": 1}
    settings = {**NOTEBOOK, **one, "noise_beta": beta, "horizon": horizon, "init_std": 0.2}
    plan = mf.CEM(small.problem, **settings).plan(STATE, goal=GOAL)
    white = mf.noise(0, 0, 0, 0, 1, horizon * 2).reshape(horizon, 2)
    coloured = coloured_factor(horizon, beta).double().numpy() @ white
    low, high = small.problem.action_low, small.problem.action_high
    expected = np.clip((low + high) / 2 + 0.2 * (high - low) / 2 * coloured, low, high)
    np.testing.assert_allclose(plan.actions, expected, rtol=0, atol=2e-6)


def test_a_warm_start_resamples_the_held_plan_at_the_elapsed_time(small: Exported) -> None:
    """No noise to speak of and one candidate: the answer is the shifted plan."""
    one = {"population": 1, "elites": 1, "keep_elites": 0, "iterations": 1}
    settings = {"horizon": 4, "steps_per_knot": 5, "include_mean": True, "warm_start": True, **one}
    for elapsed in (0.0, 1.0, 2.5, 5.0, 7.0, 100.0):
        planner = mf.CEM(small.problem, **settings)
        memory = planner._core.memory()
        held = np.linspace(-0.9, 0.4, 8, dtype=np.float32).reshape(4, 2)
        planner._core.set_memory([(1, held.ravel().tolist(), held.ravel().tolist(), memory[0][3], 0, [], 0.0, [])])
        fine = np.repeat(held, 500, axis=0)  # the held plan in hundredths of a step
        at = np.minimum(np.arange(2000) + round(100 * elapsed), 1999)
        expected = fine[at].reshape(4, 500, 2).mean(1)
        np.testing.assert_allclose(planner.plan(STATE, goal=GOAL, elapsed=elapsed).actions, expected, atol=1e-5)


def test_more_iterations_find_better_plans(small: Exported) -> None:
    values = [mf.CEM.notebook(small.problem, iterations=n, returns="best").plan(STATE, goal=GOAL).value for n in (1, 3, 10)]
    assert values == sorted(values)
    assert values[0] < values[-1]


def test_without_a_finite_return_the_plan_is_safe_and_says_so() -> None:
    def stay(state: Tensor, action: Tensor) -> Tensor:
        return state

    def undefined(state: Tensor) -> Tensor:
        return torch.log(-1.0 - state[:, 0] * 0.0)

    problem = mf.export(stay, undefined, state_size=1, action_size=2, action_low=[-1, 0], action_high=[1, 3], dt=0.1)
    for planner in (mf.CEM(problem), mf.CEM.notebook(problem)):
        for _ in range(2):
            plan = planner.plan([0.0])
            assert plan.status == "no_finite_candidate"
            np.testing.assert_array_equal(plan.actions, np.broadcast_to([0.0, 1.5], plan.actions.shape))


def test_candidates_that_are_not_finite_are_never_elites() -> None:
    """Half of the actions lead to NaN or to infinity, which a maximiser must not mistake for good."""

    def move(state: Tensor, action: Tensor) -> Tensor:
        return state + action

    def reward(action: Tensor) -> Tensor:
        return torch.log(action[:, 0]) / (action[:, 0] < 0.5)

    problem = mf.export(move, reward, state_size=1, action_size=1, action_low=-1, action_high=1, dt=0.1)
    plan = mf.CEM(problem, horizon=1, steps_per_knot=1, population=200, elites=20).plan([0.0])
    assert plan.status == "ok"
    assert 0.4 < plan.action[0] < 0.5
    assert np.isfinite(plan.value)


def test_planning_needs_a_reward(small: Exported) -> None:
    problem = mf.export(small.dynamics[0], state_size=6, action_size=2, action_low=-1, action_high=1, dt=0.2)
    with pytest.raises(ValueError, match=r"^planning needs a reward: export the problem with one$"):
        mf.CEM(problem)


def test_keep_elites_may_not_exceed_elites(small: Exported) -> None:
    with pytest.raises(ValueError, match=r"^keep_elites must be in 0..elites, got keep_elites=11, elites=10$"):
        mf.CEM(small.problem, keep_elites=11)
    with pytest.raises(ValueError, match=r"^returns must be 'mean' or 'best', got 'median'$"):
        mf.CEM(small.problem, returns="median")


def test_noise_is_standard_normal_and_depends_on_its_key_alone() -> None:
    drawn = mf.noise(1, 2, 3, 4, 1000, 30)
    assert drawn.shape == (1000, 30)
    assert drawn.dtype == np.float32
    assert abs(drawn.mean()) < 0.03
    assert abs(drawn.std() - 1) < 0.03
    np.testing.assert_array_equal(mf.noise(1, 2, 3, 4, 7, 3), drawn[:7, :3])
    for key in ((2, 2, 3, 4), (1, 0, 3, 4), (1, 2, 0, 4), (1, 2, 3, 0)):
        assert not np.array_equal(mf.noise(*key, 7, 3), drawn[:7, :3])
    with pytest.raises(ValueError, match="population and elements must be >= 1, got 0 and 3"):
        mf.noise(0, 0, 0, 0, 0, 3)
