"""Knots that are expanded: against the matrices in PyTorch, and what every planner that samples promises with them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from makers import makers
from numpy.typing import NDArray

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported
from mbrl_fast.reference.knots import expansion, knot_steps, projection, shifted

VARIANTS: dict[str, dict[str, Any]] = {
    "linear": {"interpolation": "linear"},
    "cubic": {"interpolation": "cubic"},
    "rbf": {"interpolation": "rbf", "kernel_width": 0.7},
    "growing": {"knot_growth": 1.5},
    "growing linear": {"interpolation": "linear", "knot_growth": 1.4},
    "growing cubic": {"interpolation": "cubic", "knot_growth": 2.0, "horizon": 5, "steps_per_knot": 3},
    "growing rbf": {"interpolation": "rbf", "knot_growth": 1.3, "max_rate": 0.7},
    "one step a knot": {"interpolation": "cubic", "horizon": 8, "steps_per_knot": 1},
    "limited": {"interpolation": "cubic", "max_rate": (0.6, 0.2), "action_rate_penalty": 0.1},
    "returns the mean": {"interpolation": "linear", "returns": "mean", "knot_growth": 1.2, "max_rate": 0.5},
}
KINDS = ["hold", "linear", "cubic", "rbf"]
Make = Callable[..., Any]
make = makers(VARIANTS)


def bits(plan: mf.Plan) -> bytes:
    return plan.actions.tobytes() + plan.states.tobytes() + np.float32(plan.value).tobytes()


def decisions(planner: Any, count: int = 3) -> list[bytes]:
    """The bits of successive plans from moving states."""
    return [bits(planner.plan(STATE + 0.01 * i, goal=GOAL, elapsed=1 + 0.5 * i)) for i in range(count)]


def matrices(settings: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """W and P of a planner's settings."""
    shape = (settings.horizon, settings.steps_per_knot, settings.interpolation, settings.knot_growth)
    return expansion(*shape, kernel_width=settings.kernel_width), projection(*shape)


def test_a_plan_has_one_action_for_each_model_step(make: Make, small: Exported) -> None:
    planner = make()
    steps = planner.settings.horizon * planner.settings.steps_per_knot
    plan = planner.plan(STATE, goal=GOAL)
    assert plan.actions.shape == (steps, 2)
    assert plan.states.shape == (steps + 1, 6)
    assert plan.knot_seconds == small.problem.dt
    np.testing.assert_array_equal(plan.action_at(2.5 * small.problem.dt), plan.actions[2])
    assert f"{steps * small.problem.dt:.3g} s ahead" in repr(planner)


def test_the_value_is_the_return_of_the_actions(make: Make, small: Exported) -> None:
    planner = make(action_rate_penalty=0.0)
    for _ in range(2):
        plan = planner.plan(STATE, goal=GOAL)
        discount = planner.settings.discount
        returns, states = small.problem.rollout(STATE, plan.actions[None], return_states=True, goal=GOAL, discount=discount)
        assert returns[0] == plan.value
        np.testing.assert_array_equal(states[0], plan.states)


@pytest.mark.parametrize("bounds", [(-0.1, 0.3), (0.7, 0.9), (-3e4, 7.0)])
def test_actions_stay_within_bounds_where_the_best_lies_on_one(make: Make, bounds: tuple[float, float]) -> None:
    def push(state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return state + action

    def wave(action: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        return action[:, 0] * torch.sin(3 * time)

    problem = mf.export(push, wave, state_size=1, action_size=1, action_low=bounds[0], action_high=bounds[1], dt=1.0)
    planner = make(problem, iterations=6, max_rate=None)
    for _ in range(3):
        plan = planner.plan([0.0], trace=True)
        for actions in (plan.actions, *(iteration.actions for iteration in plan.trace)):
            assert (actions >= problem.action_low).all()
            assert (actions <= problem.action_high).all()


def test_the_same_seed_plans_the_same_bits_with_any_number_of_threads(make: Make) -> None:
    expected = decisions(make())
    for threads in (1, 2, 5):
        assert decisions(make(threads=threads)) == expected
    assert decisions(make(seed=4)) != expected


@pytest.mark.parametrize("steps_per_knot", [1, 3])
def test_one_knot_is_held(make: Make, steps_per_knot: int) -> None:
    planner = make(horizon=1, steps_per_knot=steps_per_knot, max_rate=None)
    for _ in range(2):
        plan = planner.plan(STATE, goal=GOAL)
        assert plan.actions.shape == (steps_per_knot, 2)
        np.testing.assert_array_equal(plan.actions, np.broadcast_to(plan.actions[0], plan.actions.shape))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda planner: pickle.loads(pickle.dumps(planner))], ids=["deepcopy", "pickle"])
def test_a_copy_continues_with_equal_bits(make: Make, copied: Callable[[Any], Any]) -> None:
    planner = make()
    decisions(planner)
    other = copied(planner)
    assert other.settings == planner.settings
    assert decisions(other) == decisions(planner)


def test_rows_of_a_batch_plan_as_if_alone(make: Make) -> None:
    states = STATE + 0.05 * np.arange(3, dtype=np.float32)[:, None]
    together, alone = make(), make()
    for _ in range(3):
        batch = together.plan_batch(states, goal=GOAL)
        assert bits(batch[0]) == bits(alone.plan(states[0], goal=GOAL))
    assert batch.actions.shape[1] == batch.states.shape[1] - 1


def test_cut_off_plans_are_repeated_by_their_tiles_and_snapshots(make: Make) -> None:
    planner = make(threads=2)
    planner.plan(STATE, goal=GOAL)
    for deadline in (0.0, 0.1, 0.3, None):
        plan = planner.plan(STATE, goal=GOAL, deadline_ms=deadline, delay=0.3)
        again = mf.replay(planner.snapshot(), trace=True)
        assert again.same, again.differences()
        assert again.plan.stats.tiles == plan.stats.tiles
    assert planner.plan(STATE, goal=GOAL, deadline_ms=0.0).status == "shifted"


def test_no_answer_changes_faster_than_max_rate(make: Make, small: Exported) -> None:
    planner = make(max_rate=0.4)
    most, previous = 0.4 * small.problem.dt, np.array([0.1, -0.2], np.float32)
    for i in range(4):
        plan = planner.plan(STATE + 0.05 * i, goal=GOAL, previous_action=previous, trace=True)
        for actions in (plan.actions[None], *(iteration.actions for iteration in plan.trace)):
            whole = np.concatenate([np.broadcast_to(previous, (len(actions), 1, 2)), actions], axis=1)
            assert np.abs(np.diff(whole.astype(np.float64), axis=1)).max() <= most
        previous = plan.action


def test_without_time_the_last_plan_is_shifted(make: Make) -> None:
    planner = make(max_rate=None)
    last = planner.plan(STATE, goal=GOAL).actions
    plan = planner.plan(STATE, goal=GOAL, deadline_ms=0, elapsed=1)
    assert plan.status == "shifted"
    np.testing.assert_array_equal(plan.actions, np.concatenate([last[1:], last[-1:]]))


def shape_of(variant: str) -> tuple[Any, ...]:
    s = {"horizon": 5, "steps_per_knot": 5, "interpolation": "hold", "knot_growth": 1.0, **VARIANTS[variant]}
    return s["horizon"], s["steps_per_knot"], s["interpolation"], s["knot_growth"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_candidates_and_warm_starts_are_those_of_the_matrices(small: Exported, variant: str) -> None:
    settings: dict[str, Any] = {"population": 40, "elites": 5, "iterations": 1, "keep_elites": 0, "include_mean": False, "seed": 9}
    planner = mf.CEM(small.problem, **{**settings, **VARIANTS[variant], "max_rate": None})
    s, low, high = planner.settings, *map(torch.from_numpy, (small.problem.action_low, small.problem.action_high))
    expand, project = matrices(s)
    held: list[float] | None = None
    for plans, moved in enumerate((1.0, 1.0, 2.5, 0.0, 100.0)):
        iteration = planner.plan(STATE, goal=GOAL, elapsed=moved, trace=True).trace[0]
        assert iteration.mean.shape == (s.horizon, 2)
        if held is not None:
            expected = shifted(torch.tensor(held).reshape(s.horizon, 2), expand, project, moved, low, high)
            np.testing.assert_allclose(iteration.mean, expected.numpy(), atol=2e-6)
        held = planner._core.memory()[0][1]
        noise = torch.from_numpy(mf.noise(9, 0, plans, 0, 40, 2 * s.horizon)).reshape(40, s.horizon, 2)
        knots = (torch.from_numpy(iteration.mean) + torch.from_numpy(iteration.std) * noise).clamp(low, high)
        np.testing.assert_allclose(iteration.actions, (expand @ knots).clamp(low, high).numpy(), atol=5e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("growth", [1.0, 1.3, 3.0])
@pytest.mark.parametrize(("horizon", "steps"), [(1, 4), (2, 3), (5, 5), (7, 1), (6, 4)])
def test_the_matrices_interpolate(kind: str, growth: float, horizon: int, steps: int) -> None:
    expand, project = expansion(horizon, steps, kind, growth), projection(horizon, steps, kind, growth)
    at = knot_steps(horizon, steps, kind, growth)
    assert expand.shape == (horizon * steps, horizon)
    assert at == sorted(set(at))
    assert at[0] == 0
    if kind != "hold" and horizon > 1:
        assert at[-1] == horizon * steps - 1
    np.testing.assert_allclose((project @ expand).numpy(), np.eye(horizon), atol=1e-6)
    if kind != "rbf":
        np.testing.assert_allclose(expand.sum(1).numpy(), 1, atol=1e-6)
    gaps = np.diff(at)
    assert (np.diff(gaps) >= -1).all()  # rounding


def test_cubic_is_the_hermite_spline_of_finite_differences() -> None:
    at = np.array(knot_steps(5, 6, "cubic", 1.4), np.float64)
    knots = np.random.default_rng(0).normal(size=5)
    secants = np.diff(knots) / np.diff(at)
    slopes = np.concatenate([secants[:1], (secants[1:] + secants[:-1]) / 2, secants[-1:]])
    expected = np.zeros(30)
    for k in range(4):  # the cubic with these values and slopes at both ends
        ends = at[k : k + 2]
        conditions = np.concatenate([np.vander(ends, 4), np.stack([[3 * t**2, 2 * t, 1, 0] for t in ends])])
        polynomial = np.linalg.solve(conditions, np.concatenate([knots[k : k + 2], slopes[k : k + 2]]))
        steps = np.arange(int(ends[0]), int(ends[1]) + 1)
        expected[steps] = np.polyval(polynomial, steps)
    np.testing.assert_allclose(expansion(5, 6, "cubic", 1.4).double().numpy() @ knots, expected, atol=1e-6)


def test_a_kernel_plan_is_kmppis() -> None:
    """As pytorch_mppi's KMPPI: support points evenly from the first step to the last, u = K(t, tk) K(tk, tk)⁻¹ θ."""
    at, steps, sigma = torch.linspace(0, 15, 4).double(), torch.arange(16).double(), 2.0

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.exp(-((a[:, None] - b) ** 2) / (2 * sigma**2))

    assert knot_steps(4, 4, "rbf") == at.tolist()
    expected = kernel(steps, at) @ torch.linalg.inv(kernel(at, at))
    np.testing.assert_allclose(expansion(4, 4, "rbf", kernel_width=sigma / 5).numpy(), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"interpolation": "spline"}, "interpolation must be 'hold', 'linear', 'cubic' or 'rbf', got 'spline'"),
        ({"knot_growth": 0.9}, r"knot_growth must be in \[1, 10\], got 0.9"),
        ({"knot_growth": float("nan")}, r"knot_growth must be in \[1, 10\], got nan"),
        ({"kernel_width": 0.0}, r"kernel_width must be in \[0.1, 2\] knots, got 0"),
        ({"action_rate_penalty": -1.0}, "action_rate_penalty must be >= 0 and finite, got -1"),
    ],
)
def test_wrong_settings_are_named(small: Exported, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        mf.CEM(small.problem, **settings)


def test_a_kernel_over_too_many_knots_is_refused(small: Exported) -> None:
    with pytest.raises(
        ValueError, match=r"^with interpolation 'rbf' horizon \* horizon \* steps_per_knot must be <= 10000000, got"
    ):
        mf.CEM(small.problem, horizon=4000, steps_per_knot=1, interpolation="rbf", population=16)


def cost_of_changes(actions: NDArray[np.float32], half: NDArray[np.float32], previous: NDArray[np.float32] | None) -> Any:
    """The penalty of actions [n, T, A] under weight 1."""
    before = actions[:, :1] if previous is None else np.broadcast_to(previous, actions[:, :1].shape)
    changes = np.diff(np.concatenate([before, actions], axis=1), axis=1) / half
    return (changes.astype(np.float64) ** 2).sum((1, 2))


@pytest.mark.parametrize("settings", [{}, {"interpolation": "cubic"}], ids=["hold", "cubic"])
@pytest.mark.parametrize("previous", [None, np.array([0.5, -0.5], np.float32)], ids=["free", "known"])
def test_changes_cost_what_the_penalty_says(small: Exported, settings: dict[str, Any], previous: Any) -> None:
    problem, weight = small.problem, 0.3
    planner = mf.CEM(problem, horizon=4, steps_per_knot=3, population=33, action_rate_penalty=weight, **settings)
    half = (problem.action_high - problem.action_low) / 2
    for _ in range(2):
        plan = planner.plan(STATE, goal=GOAL, previous_action=previous, trace=True)
        held = round(plan.knot_seconds / problem.dt)
        for actions, values in ((plan.actions[None], [plan.value]), *((i.actions, i.returns) for i in plan.trace)):
            returns = problem.rollout(STATE, actions, steps_per_knot=held, goal=GOAL, previous_action=previous)
            np.testing.assert_allclose(values, returns - weight * cost_of_changes(actions, half, previous), rtol=1e-5, atol=1e-5)


def test_a_penalty_makes_plans_calmer(small: Exported) -> None:
    half = (small.problem.action_high - small.problem.action_low) / 2
    costs = []
    for weight in (0.0, 1.0, 100.0):
        plan = mf.CEM(small.problem, population=200, action_rate_penalty=weight).plan(STATE, goal=GOAL)
        costs.append(cost_of_changes(plan.actions[None], half, None)[0])
    assert costs[0] > 2 * costs[1] > 4 * costs[2]
