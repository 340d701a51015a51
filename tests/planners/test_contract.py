"""What every registered planner promises: bounds, seeds, threads, refusals, batches, pickling."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from makers import RICH, SHAPE, known_to

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported
from mbrl_fast.planners import REGISTRY, Planner, SamplingPlanner
from mbrl_fast.rewards import GoalDistance


@dataclass(frozen=True)
class Make:
    """A maker of small planners of one kind; `rich`: with every feature that it shares with others, else with its defaults."""

    kind: type[Planner]
    rich: bool
    problem: mf.Problem

    def known(self, settings: dict[str, Any]) -> dict[str, Any]:
        return known_to(self.kind, settings)

    @property
    def draws(self) -> bool:
        """Whether what it answers depends on its noise; a climber may reach the same top from everywhere."""
        return issubclass(self.kind, SamplingPlanner)

    def __call__(self, problem: mf.Problem | None = None, **settings: Any) -> Any:
        """With exactly these settings beside the small ones."""
        own = self.known({**SHAPE, **(RICH if self.rich else {})})
        return self.kind(problem or self.problem, **{**own, **settings})

    def where_known(self, problem: mf.Problem | None = None, **settings: Any) -> Any:
        """With those of these settings that this kind has."""
        return self(problem, **self.known(settings))

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What it can be told to return."""
        return [answer for answer in ({"returns": "mean"}, {"returns": "best"}) if self.takes(**answer)] or [{}]

    def takes(self, **settings: Any) -> bool:
        try:
            self(**settings)
        except (TypeError, ValueError):
            return False
        return True


def presets(kind: type[Planner]) -> list[str]:
    """The names of the classmethods that make one: ``CEM.notebook``, ``ICEM.paper`` …"""
    return sorted(name for name, value in vars(kind).items() if isinstance(value, classmethod) and not name.startswith("_"))


@pytest.fixture(
    params=[(name, rich) for name in sorted(REGISTRY) for rich in (False, True)],
    ids=lambda p: f"{p[0]}-{'rich' * p[1] or 'defaults'}",
)
def make(request: pytest.FixtureRequest, small: Exported) -> Make:
    """A maker of small planners of each kind."""
    name, rich = request.param
    return Make(REGISTRY[name], rich, small.problem)


def decisions(planner: Any, count: int = 3) -> list[bytes]:
    """The bits of successive plans from moving states."""
    plans = [planner.plan(STATE + 0.01 * i, goal=GOAL) for i in range(count)]
    return [plan.actions.tobytes() + plan.states.tobytes() + np.float32(plan.value).tobytes() for plan in plans]


def test_planners_are_registered_by_their_name_and_have_a_twin() -> None:
    for name, kind in REGISTRY.items():
        assert name == kind.name
        assert getattr(mf, kind.__name__) is kind
        assert issubclass(getattr(mf.reference, kind.__name__), mf.reference.Planner)


def test_a_plan_has_the_promised_shapes(make: Make) -> None:
    plan = make().plan(STATE, goal=GOAL)
    assert plan.action.shape == (2,)
    assert plan.actions.shape == (4, 2)
    assert plan.states.shape == (9, 6)
    assert plan.actions.dtype == plan.states.dtype == np.float32
    np.testing.assert_array_equal(plan.states[0], STATE)
    np.testing.assert_array_equal(plan.action, plan.actions[0])
    assert plan.status == "ok"
    assert np.isfinite(plan.value)


def test_the_value_is_the_return_of_the_actions(make: Make, small: Exported) -> None:
    for settings in ({}, {"discount": 0.9}):
        planner = make(**settings)
        plan = planner.plan(STATE, goal=GOAL)
        returns, states = small.problem.rollout(
            STATE, plan.actions[None], steps_per_knot=2, return_states=True, goal=GOAL, discount=planner.settings.discount
        )
        assert returns[0] == plan.value
        np.testing.assert_array_equal(states[0], plan.states)


@pytest.mark.parametrize("bounds", [(-0.1, 0.3), (0.7, 0.9), (-1e-3, 1.1), (-3e4, 7.0)])
@pytest.mark.parametrize("direction", [-1.0, 1.0])
def test_actions_stay_within_bounds_where_the_best_lies_on_one(make: Make, bounds: tuple[float, float], direction: float) -> None:
    def push(state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return state + action

    def gain(action: torch.Tensor) -> torch.Tensor:
        return direction * action[:, 0]

    problem = mf.export(push, gain, state_size=1, action_size=1, action_low=bounds[0], action_high=bounds[1], dt=1.0)
    for answer in make.answers:
        planner = make.where_known(problem, **answer, iterations=6)
        for _ in range(3):
            actions = planner.plan([0.0]).actions
            assert (actions >= problem.action_low).all()
            assert (actions <= problem.action_high).all()


def test_the_same_seed_plans_the_same_bits(make: Make) -> None:
    assert decisions(make()) == decisions(make())
    if make.draws:
        assert decisions(make(seed=4)) != decisions(make())
        assert decisions(make(seed=2**64 - 1)) != decisions(make())


@pytest.mark.parametrize("threads", [2, 4, 8])
def test_threads_do_not_change_a_bit(make: Make, threads: int) -> None:
    assert decisions(make(threads=threads)) == decisions(make(threads=1))


@pytest.mark.parametrize("population", [6, 7, 8, 9, 17, 67])
def test_any_population_works(make: Make, population: int) -> None:
    sizes = {"population": population, "elites": min(population, 6)}
    planner = make.where_known(**sizes)
    assert np.isfinite(planner.plan(STATE, goal=GOAL).value)
    assert decisions(make.where_known(**sizes, threads=3)) == decisions(make.where_known(**sizes))


def test_a_horizon_of_one_knot_and_one_step_works(make: Make) -> None:
    plan = make(horizon=1, steps_per_knot=1).plan(STATE, goal=GOAL)
    assert plan.actions.shape == (1, 2)
    assert plan.states.shape == (2, 6)


def test_all_candidates_may_be_elites(make: Make) -> None:
    planner = make.where_known(population=10, elites=10)
    assert [np.isfinite(planner.plan(STATE, goal=GOAL).value) for _ in range(3)] == [True] * 3


def test_reset_forgets_everything(make: Make) -> None:
    planner = make()
    first = decisions(planner)
    assert decisions(planner) != first or not make.draws
    planner.reset()
    assert decisions(planner) == first


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda planner: pickle.loads(pickle.dumps(planner))], ids=["deepcopy", "pickle"])
def test_a_copy_continues_with_equal_bits(make: Make, copied: Callable[[Any], Any]) -> None:
    planner = make()
    decisions(planner)
    other = copied(planner)
    assert other.settings == planner.settings
    assert decisions(other) == decisions(planner)


def test_returned_arrays_are_the_callers_own(make: Make) -> None:
    planner = make()
    first = planner.plan(STATE, goal=GOAL)
    kept = first.actions.copy(), first.states.copy()
    assert first.actions.flags.owndata
    assert first.states.flags.owndata
    planner.plan(STATE + 0.1, goal=GOAL)
    np.testing.assert_array_equal(first.actions, kept[0])
    np.testing.assert_array_equal(first.states, kept[1])
    first.actions[:] = np.nan
    first.states[:] = np.nan
    assert np.isfinite(planner.plan(STATE, goal=GOAL).actions).all()


def test_floats_of_many_kinds_give_the_same_plan(make: Make) -> None:
    expected = make().plan(STATE, goal=GOAL).actions
    wide = np.zeros((6, 2), np.float32)
    wide[:, 0] = STATE
    for state in (
        STATE.tolist(),
        tuple(STATE.tolist()),
        STATE.astype(np.float64),
        torch.from_numpy(STATE),
        wide[:, 0],
        STATE.astype(">f4"),
    ):
        np.testing.assert_array_equal(make().plan(state, goal=GOAL.astype(np.float64)).actions, expected)
    assert make().plan([0, 0, 0, 0, 1, 0], goal=[0, 0, 0, 0, 1, 0]).status == "ok"


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(np.int64, "int64"), (np.int8, "int8"), (bool, "bool"), (np.complex64, "complex64"), (object, "object"), ("U1", "<U1")],
)
def test_other_types_are_type_errors(make: Make, dtype: Any, name: str) -> None:
    planner = make()
    with pytest.raises(TypeError, match=f"state must be float32 or float64, got dtype {name}"):
        planner.plan(np.zeros(6).astype(dtype), goal=GOAL)
    with pytest.raises(TypeError, match=f"goal must be float32 or float64, got dtype {name}"):
        planner.plan(STATE, goal=np.zeros(6).astype(dtype))


def test_lists_that_are_no_arrays_are_type_errors(make: Make) -> None:
    planner = make()
    with pytest.raises(TypeError, match="state must be"):
        planner.plan([True] * 6, goal=GOAL)
    with pytest.raises(TypeError, match="state must be an array of floats"):
        planner.plan([[0.0], [0.0, 1.0]], goal=GOAL)
    with pytest.raises(TypeError, match="state must be"):
        planner.plan(None, goal=GOAL)
    with pytest.raises(TypeError, match="state must be an array of floats"):
        planner.plan(torch.zeros(6, requires_grad=True), goal=GOAL)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_state_that_is_not_finite_is_refused_by_its_index(make: Make, value: float) -> None:
    state = STATE.copy()
    state[4] = value
    with pytest.raises(ValueError, match=rf"^state must be finite, got state\[4\] = {value}$"):
        make().plan(state, goal=GOAL)
    with pytest.raises(ValueError, match=r"^goal must be finite, got goal\[4\]"):
        make().plan(STATE, goal=state)
    with pytest.raises(ValueError, match=r"^states must be finite, got states\[1, 4\]"):
        make().plan_batch(np.stack([STATE, state]), goal=GOAL)
    with pytest.raises(ValueError, match=r"^previous_action must be finite, got previous_action\[1\]"):
        make().plan(STATE, goal=GOAL, previous_action=[0.0, value])


def test_wrong_shapes_are_named(make: Make) -> None:
    planner = make()
    with pytest.raises(ValueError, match=r"^state must have shape \[6\], got \[5\]$"):
        planner.plan(STATE[:5], goal=GOAL)
    with pytest.raises(ValueError, match=r"^state must have shape \[6\], got \[1, 6\]$"):
        planner.plan(STATE[None], goal=GOAL)
    with pytest.raises(ValueError, match=r"^goal must have shape \[6\], got \[2, 6\]$"):
        planner.plan(STATE, goal=np.stack([GOAL, GOAL]))
    with pytest.raises(ValueError, match=r"^states must have shape \[any, 6\], got \[6\]$"):
        planner.plan_batch(STATE, goal=GOAL)
    with pytest.raises(ValueError, match=r"^previous_action must have shape \[2\], got \[3\]$"):
        planner.plan(STATE, goal=GOAL, previous_action=[0.0, 0.0, 0.0])


def test_missing_and_unknown_inputs_are_named(make: Make) -> None:
    with pytest.raises(ValueError, match=r"^input 'goal' is missing, its shape is \[6\]$"):
        make().plan(STATE)
    with pytest.raises(ValueError, match=r"^unknown input 'target', this problem has: goal$"):
        make().plan(STATE, goal=GOAL, target=GOAL)


@pytest.mark.parametrize("elapsed", [-1.0, np.nan, np.inf])
def test_elapsed_time_is_finite_and_not_negative(make: Make, elapsed: float) -> None:
    with pytest.raises(ValueError, match=r"^elapsed must be >= 0 model steps and finite, got"):
        make().plan(STATE, goal=GOAL, elapsed=elapsed)


def test_a_refused_call_leaves_the_planner_as_it_was(make: Make) -> None:
    planner, other = make(), make()
    with pytest.raises(ValueError, match="state must be finite"):
        planner.plan(np.full(6, np.nan), goal=GOAL)
    with pytest.raises(ValueError, match="is missing"):
        planner.plan(STATE)
    assert decisions(planner) == decisions(other)


def test_settings_out_of_range_or_of_another_type_are_named(make: Make) -> None:
    if make.known({"elites": 1}):
        with pytest.raises(ValueError, match=r"^(population must be >= elites, got population=8, elites=16$|elites must be in 0)"):
            make(population=8, elites=16)
    with pytest.raises(ValueError, match=r"^horizon must be >= 1, got 0$"):
        make(horizon=0)
    with pytest.raises(ValueError, match=r"^seed must be in 0..2\*\*64-1, got -1$"):
        make(seed=-1)
    with pytest.raises(ValueError, match=r"^horizon must fit a 32-bit integer, got 1099511627776$"):
        make(horizon=2**40)
    for name, value in {"horizon": 2.5, "steps_per_knot": "50", "discount": None, "seed": 1.0, "threads": True}.items():
        with pytest.raises(TypeError, match=f"^{name} must be (int|float|bool|str), got"):
            make(**{name: value})
    with pytest.raises(TypeError, match=r"^unknown setting 'populaton'; "):
        make(populaton=50)


def test_rows_of_a_batch_plan_as_if_alone(make: Make) -> None:
    states = STATE + 0.05 * np.arange(5, dtype=np.float32)[:, None]
    goals = GOAL + 0.01 * np.arange(5, dtype=np.float32)[:, None]
    together, fewer, alone = make(), make(), make()
    for _ in range(3):
        whole = together.plan_batch(states, goal=goals)
        part = fewer.plan_batch(states[:3], goal=goals[:3])
        first = alone.plan(states[0], goal=goals[0])
        np.testing.assert_array_equal(whole.actions[:3], part.actions)
        np.testing.assert_array_equal(whole.values[:3], part.values)
        np.testing.assert_array_equal(whole.actions[0], first.actions)
        assert whole.values[0] == first.value
    assert len(whole) == 5
    assert whole.action.shape == (5, 2)
    assert whole.states.shape == (5, 9, 6)
    assert whole[1].status == "ok"
    np.testing.assert_array_equal(whole[1].actions, whole.actions[1])


def test_rows_of_a_batch_draw_their_own_noise(make: Make) -> None:
    batch = make().plan_batch(np.stack([STATE] * 3), goal=GOAL)
    assert len({row.tobytes() for row in batch.actions}) == 3 or not make.draws


def test_some_rows_of_a_batch_can_be_reset(make: Make) -> None:
    states = np.stack([STATE] * 3)
    planner, other = make(), make()
    first = planner.plan_batch(states, goal=GOAL)
    planner.reset([1])
    second = planner.plan_batch(states, goal=GOAL)
    other.plan_batch(states, goal=GOAL)
    going = other.plan_batch(states, goal=GOAL)
    np.testing.assert_array_equal(second.actions[1], first.actions[1])
    np.testing.assert_array_equal(second.actions[[0, 2]], going.actions[[0, 2]])


def test_an_empty_batch_is_empty(make: Make) -> None:
    batch = make().plan_batch(np.zeros((0, 6), np.float32), goal=GOAL)
    assert len(batch) == 0
    assert batch.actions.shape == (0, 4, 2)


@pytest.fixture
def slow(make: Make) -> Any:
    """A planner whose plans take a good part of a second: many candidates, or a long way that does not run off to infinity."""
    if make.known({"population": 1}):
        return make.where_known(population=20000, elites=100, iterations=40)

    def calm(state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return 0.9 * state + 0.1 * torch.sin(state + torch.cat([action, action, action], dim=-1))

    problem = mf.export(calm, GoalDistance(), state_size=6, action_size=2, inputs={"goal": 6}, action_low=-1, action_high=1, dt=0.2)
    return make(problem, horizon=2000, iterations=1000, tolerance=0.0)


def test_other_threads_run_while_planning(slow: Any) -> None:
    planning = threading.Thread(target=lambda: slow.plan(STATE, goal=GOAL))
    planning.start()
    turns = 0
    while planning.is_alive():
        turns += 1
    planning.join()
    assert turns > 1000


def test_a_second_thread_on_the_same_planner_is_told_so(slow: Any) -> None:
    planning = threading.Thread(target=lambda: slow.plan(STATE, goal=GOAL))
    planning.start()
    sentences = set()
    while planning.is_alive() and not sentences:
        try:
            slow.reset()
        except ValueError as error:
            sentences.add(str(error))
    try:
        if planning.is_alive():
            slow.plan(STATE, goal=GOAL)
    except ValueError as error:
        sentences.add(str(error))
    planning.join()
    assert sentences == {"this planner is planning in another thread: use one planner per thread"}


def test_planners_in_several_threads_do_not_disturb_each_other(make: Make) -> None:
    expected = decisions(make(), 5)
    results: list[list[bytes]] = []
    threads = [threading.Thread(target=lambda: results.append(decisions(make(threads=2), 5))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def test_repr_says_how_far_it_looks(make: Make) -> None:
    assert "4 knots × 2 steps × 0.2 s = 1.6 s ahead" in repr(make())


def test_a_problem_of_nan_answers_with_the_middle_of_the_bounds(make: Make) -> None:
    def stay(state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return state

    def undefined(state: torch.Tensor) -> torch.Tensor:
        return torch.log(-1.0 - state[:, 0] * 0.0)

    problem = mf.export(stay, undefined, state_size=1, action_size=2, action_low=[-1, 0], action_high=[1, 3], dt=0.1)
    for answer in make.answers:
        planner = make(problem, **answer)
        for _ in range(3):
            plan = planner.plan([0.0])
            assert plan.status == "no_finite_candidate"
            np.testing.assert_array_equal(plan.actions, np.broadcast_to([0.0, 1.5], plan.actions.shape))


def test_candidates_that_are_not_finite_have_no_say(make: Make) -> None:
    """Half of the actions lead to NaN, which a maximiser must not mistake for good; no average of the others is there."""

    def move(state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return state + action

    def reward(action: torch.Tensor) -> torch.Tensor:
        return torch.log(action[:, 0])

    problem = mf.export(move, reward, state_size=1, action_size=1, action_low=-1, action_high=1, dt=0.1)
    for answer in make.answers:
        planner = make.where_known(problem, **answer, horizon=1, population=200, elites=20, noise_beta=0.0)
        start = {} if make.draws else {"candidates": np.full((1, 1, 1), 0.5)}  # the middle has no return to climb from
        for _ in range(3):
            plan = planner.plan([0.0], **start)
            assert plan.status == "ok"
            assert plan.action[0] > 0
            assert np.isfinite(plan.value)


def test_without_time_the_last_plan_is_moved_on(make: Make) -> None:
    planner = make()
    assert planner.plan(STATE, goal=GOAL, deadline_ms=0).status == "safe"
    before = planner.plan(STATE, goal=GOAL).actions
    after = planner.plan(STATE, goal=GOAL, deadline_ms=0, elapsed=2.0)
    assert after.status == "shifted"
    np.testing.assert_array_equal(after.actions, [*before[1:], before[-1]])


def test_a_plan_that_was_cut_off_can_be_repeated(make: Make) -> None:
    planner, other = make(threads=2), make(threads=2)
    for _ in range(3):
        cut = planner.plan(STATE, goal=GOAL, max_tiles=1)
        again = other.plan(STATE, goal=GOAL, max_tiles=1)
        assert cut.status == again.status == "deadline"
        assert np.isfinite(cut.value)
        np.testing.assert_array_equal(cut.actions, again.actions)


def test_a_warm_start_changes_the_next_plan_only_where_it_is_asked_for(make: Make) -> None:
    warm, cold = make(warm_start=True), make(warm_start=False)
    first = warm.plan(STATE, goal=GOAL).actions
    np.testing.assert_array_equal(cold.plan(STATE + 0.3, goal=GOAL).actions.shape, first.shape)
    other = make(warm_start=False)
    other.plan(STATE - 0.3, goal=GOAL)
    assert cold.plan(STATE, goal=GOAL).actions.tobytes() == other.plan(STATE, goal=GOAL).actions.tobytes()


def test_rate_limits_hold_for_every_answer(make: Make) -> None:
    for answer in make.answers:
        planner = make(max_rate=0.5, **answer)
        previous = np.array([0.9, -0.4], np.float32)
        for _ in range(4):
            actions = planner.plan(STATE, goal=GOAL, previous_action=previous).actions
            assert np.abs(np.diff(actions, axis=0)).max() <= 0.5 * 2 * 0.2 * (1 + 1e-6)
            assert np.abs(actions[0] - previous).max() <= 0.5 * 0.2 * (1 + 1e-6)
            previous = actions[0]


def test_a_snapshot_plans_the_same_bits_again(make: Make) -> None:
    planner = make()
    for i in range(3):
        plan = planner.plan(STATE + 0.01 * i, goal=GOAL, previous_action=[0.1, 0.2])
        again = mf.replay(planner.snapshot())
        assert again.same
        np.testing.assert_array_equal(again.plan.actions, plan.actions)
    planner.plan(STATE, goal=GOAL, max_tiles=1)
    assert mf.replay(planner.snapshot()).same


PRESETS = [(name, preset) for name, kind in sorted(REGISTRY.items()) for preset in presets(kind)]


@pytest.mark.parametrize(("name", "preset"), PRESETS, ids=[f"{name}.{preset}" for name, preset in PRESETS])
def test_presets_keep_the_contract_and_take_settings(name: str, preset: str, small: Exported) -> None:
    kind = REGISTRY[name]
    build = getattr(kind, preset)
    try:
        first, threaded = build(small.problem, seed=2), build(small.problem, seed=2, threads=3)
    except TypeError as error:
        if "unknown setting" in str(error):
            pytest.skip(f"waits for a setting: {error}")
        raise
    assert type(first) is kind
    assert build.__doc__
    plans = decisions(first)
    assert decisions(threaded) == plans
    copied = pickle.loads(pickle.dumps(first))
    assert decisions(copied) == decisions(first)
    assert mf.replay(first.snapshot()).same
    plan = first.plan(STATE, goal=GOAL)
    assert plan.status == "ok"
    assert (plan.actions >= small.problem.action_low).all()
    assert (plan.actions <= small.problem.action_high).all()
