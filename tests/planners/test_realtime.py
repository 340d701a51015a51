"""Deadlines, tiles, delays, rate limits, traces and snapshots, as Python sees them."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported
from mbrl_fast import tensors
from mbrl_fast.planners.snapshot import replay

SETTINGS: dict[str, Any] = {
    "horizon": 4, "steps_per_knot": 2, "population": 300, "elites": 12, "iterations": 3, "keep_elites": 3, "fresh_fraction": 0.2,
    "noise_beta": 1.0, "seed": 3,
}  # fmt: skip


def planner_of(exported: Exported, **changes: Any) -> mf.CEM:
    return mf.CEM(exported.problem, **{**SETTINGS, **changes})


def bits(plan: mf.Plan) -> bytes:
    return plan.actions.tobytes() + np.float32(plan.value).tobytes() + plan.status.encode()


@pytest.mark.parametrize("deadline_ms", [0, 0.0, -3.0, -np.inf, np.float32(0)])
def test_without_time_the_answer_is_at_hand(small: Exported, deadline_ms: Any) -> None:
    planner = planner_of(small)
    safe = planner.plan(STATE, goal=GOAL, deadline_ms=deadline_ms)
    assert safe.status == "safe"
    np.testing.assert_array_equal(safe.actions, np.broadcast_to([0.0, -0.25], (4, 2)))
    planner.plan(STATE, goal=GOAL)
    shifted = planner.plan(STATE, goal=GOAL, deadline_ms=deadline_ms)
    assert shifted.status == "shifted"
    for plan in (safe, shifted):
        assert plan.states.shape == (0, 6)
        assert np.isnan(plan.value)
        assert plan.stats.tiles == plan.model_steps == 0
        assert (plan.actions >= small.problem.action_low).all()
        assert (plan.actions <= small.problem.action_high).all()


def test_a_deadline_far_away_changes_nothing(small: Exported) -> None:
    expected = bits(planner_of(small).plan(STATE, goal=GOAL))
    for deadline_ms in (None, 1e5, np.inf, 10**9):
        assert bits(planner_of(small).plan(STATE, goal=GOAL, deadline_ms=deadline_ms)) == expected


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("returns", ["best", "mean"])
def test_every_number_of_tiles_repeats_and_best_never_falls(small: Exported, threads: int, returns: str) -> None:
    def cut(tiles: int | None) -> mf.Plan:
        return planner_of(small, threads=threads, returns=returns).plan(STATE, goal=GOAL, max_tiles=tiles)

    whole, best = cut(None), -np.inf
    for tiles in range(whole.stats.tiles + 1):
        plan = cut(tiles)
        assert bits(plan) == bits(cut(tiles))
        assert plan.stats.tiles == tiles
        assert plan.status == ("safe" if tiles == 0 else "deadline" if tiles < whole.stats.tiles else "ok")
        if tiles and (returns == "best" or plan.status == "deadline"):
            assert plan.value >= best
            best = plan.value
    assert bits(cut(whole.stats.tiles)) == bits(whole)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_plan_that_the_clock_cut_off_is_repeated_by_its_tiles(small: Exported, threads: int) -> None:
    cut, again = planner_of(small, threads=threads), planner_of(small, threads=threads)
    seen = set()
    for i in range(40):
        plan = cut.plan(STATE, goal=GOAL, deadline_ms=0.03 * i)
        seen.add(plan.status)
        assert bits(again.plan(STATE, goal=GOAL, max_tiles=plan.stats.tiles)) == bits(plan)
    assert cut._core.memory() == again._core.memory()


def test_each_row_of_a_batch_has_its_own_deadline(small: Exported) -> None:
    states = np.stack([STATE] * 3)
    planner = planner_of(small)
    batch = planner.plan_batch(states, goal=GOAL, deadline_ms=0)
    assert batch.statuses == ["safe"] * 3
    assert np.isnan(batch.states).all()
    assert np.isnan(batch.values).all()
    assert batch[1].states.shape == (0, 6)
    whole = planner.plan_batch(states, goal=GOAL, deadline_ms=1e5, max_tiles=None)
    assert whole.statuses == ["ok"] * 3
    assert whole[1].states.shape == (9, 6)
    assert whole.model_steps == sum(whole[row].model_steps for row in range(3)) > 0
    assert all(row.milliseconds > 0 for row in whole.stats)
    cut = planner_of(small).plan_batch(states, goal=GOAL, max_tiles=2)
    assert bits(cut[0]) == bits(planner_of(small).plan(STATE, goal=GOAL, max_tiles=2))


@pytest.mark.parametrize(
    ("option", "error", "sentence"),
    [
        ({"deadline_ms": "5"}, TypeError, "deadline_ms must be a number, got '5'"),
        ({"deadline_ms": True}, TypeError, "deadline_ms must be a number, got True"),
        ({"deadline_ms": np.nan}, ValueError, "deadline_ms must be a number, got nan"),
        ({"max_tiles": -1}, ValueError, "max_tiles must be >= 0, got -1"),
        ({"max_tiles": 1.5}, TypeError, "max_tiles must be an integer, got 1.5"),
        ({"max_tiles": True}, TypeError, "max_tiles must be an integer, got True"),
        ({"delay": -0.1}, ValueError, "delay must be >= 0 seconds and finite, got -0.1"),
        ({"delay": np.inf}, ValueError, "delay must be >= 0 seconds and finite, got inf"),
        ({"delay": []}, TypeError, r"delay must be a number, got \[\]"),
        ({"delay": 13.0}, ValueError, "delay must be at most 64 model steps, 12.8 seconds, got 13"),
        ({"delay": 0.4, "committed": [[0.0, 0.0]]}, ValueError, r"committed must have shape \[2, 2\], got \[1, 2\]"),
        ({"committed": [[0.0, 0.0]]}, ValueError, r"committed must have shape \[0, 2\], got \[1, 2\]"),
        ({"delay": 0.2, "committed": [[0.0, np.nan]]}, ValueError, r"committed must be finite, got committed\[0, 1\] = nan"),
    ],
)
def test_wrong_options_are_named(small: Exported, option: dict[str, Any], error: type[Exception], sentence: str) -> None:
    planner, other = planner_of(small), planner_of(small)
    with pytest.raises(error, match=f"^{sentence}$"):
        planner.plan(STATE, goal=GOAL, **option)
    if "committed" not in option:
        with pytest.raises(error, match=f"^{sentence}$"):
            planner.plan_batch(STATE[None], goal=GOAL, **option)
    assert bits(planner.plan(STATE, goal=GOAL)) == bits(other.plan(STATE, goal=GOAL))


def flushed(action: list[float]) -> list[float]:
    """The action as planning sees it: numbers too small for single precision's normal range are zeros."""
    return [0.0 if abs(value) < np.finfo(np.float32).tiny else value for value in action]


@example(rate=1.0, previous=[0.0, 8.547920632381384e-44], elapsed=0.0, seed=0, tiles=None, delay=None)
@given(
    rate=st.lists(st.floats(1e-6, 100.0), min_size=2, max_size=2) | st.floats(1e-6, 100.0),
    previous=st.lists(st.floats(-1, 0.5, width=32), min_size=2, max_size=2),
    elapsed=st.floats(0, 4),
    seed=st.integers(0, 2**63),
    tiles=st.none() | st.integers(0, 4),
    delay=st.sampled_from([None, 0.1, 0.4]),
)
@settings(max_examples=60, deadline=None)
def test_no_answer_changes_faster_than_max_rate(
    small: Exported, rate: Any, previous: list[float], elapsed: float, seed: int, tiles: int | None, delay: float | None
) -> None:
    planner = planner_of(small, max_rate=rate, seed=seed, population=40, returns="mean" if seed % 2 else "best")
    limit = np.float64(rate) * 0.4
    before, first = np.float64(flushed(previous)), np.float64(rate) * 0.2 * elapsed
    for _ in range(3):
        committed = None if delay is None else np.tile(np.float32(before), (1 if delay < 0.2 else 2, 1))
        plan = planner.plan(
            STATE, goal=GOAL, previous_action=np.float32(before), elapsed=elapsed, max_tiles=tiles, delay=delay, committed=committed
        )
        actions = plan.actions.astype(np.float64)
        assert (np.abs(np.diff(actions, axis=0)) <= limit).all()
        assert (np.abs(actions[0] - before) <= first).all()
        assert (actions >= small.problem.action_low).all()
        assert (actions <= small.problem.action_high).all()
        before = actions[0]


def test_limits_hold_for_every_candidate_and_are_told_apart(small: Exported) -> None:
    plan = planner_of(small, max_rate=[0.5, 1e9]).plan(STATE, goal=GOAL, previous_action=[0.9, 0.4], trace=True)
    assert plan.trace is not None
    for iteration in plan.trace:
        first = np.broadcast_to(np.float32([0.9, 0.4]), (300, 1, 2))
        change = np.diff(np.concatenate([first, iteration.actions], axis=1).astype(np.float64), axis=1)
        assert (np.abs(change[:, 1:, 0]) <= 0.5 * 0.4).all()
        assert (np.abs(change[:, 0, 0]) <= 0.5 * 0.2).all()
        assert np.abs(change[..., 1]).max() > 0.5


@pytest.mark.parametrize(
    ("rate", "error", "sentence"),
    [
        (0, ValueError, "max_rate must be > 0 per second, got 0"),
        (-1.0, ValueError, "max_rate must be > 0 per second, got -1"),
        ([1.0, 2.0, 3.0], ValueError, "max_rate must be one number or 2, one for each action, got 3"),
        ("fast", TypeError, "max_rate must be a number, one number for each action, or None, got 'fast'"),
        ([], TypeError, r"max_rate must be a number, one number for each action, or None, got \[\]"),
        (True, TypeError, "max_rate must be float, got True"),
    ],
)
def test_wrong_rates_are_named(small: Exported, rate: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=f"^{sentence}$"):
        planner_of(small, max_rate=rate)


def test_settings_with_rates_are_plain_and_equal(small: Exported) -> None:
    assert planner_of(small, max_rate=np.array([1, 2])).settings == planner_of(small, max_rate=(1.0, 2.0)).settings
    assert planner_of(small, max_rate=np.float32(2)).settings.max_rate == 2.0


def test_a_delayed_plan_begins_where_the_committed_actions_lead(small: Exported) -> None:
    committed = np.array([[0.4, -0.1], [-0.3, 0.2], [0.7, 0.0]], np.float32)
    plan = planner_of(small).plan(STATE, goal=GOAL, delay=0.6, committed=committed)
    states = small.problem.rollout(STATE, committed[None], return_states=True, goal=GOAL)[1][0]
    np.testing.assert_array_equal(plan.states[0], states[3])
    assert plan.begins_at == pytest.approx(0.6)
    first = small.problem.rollout(STATE, committed[None, :1], return_states=True, goal=GOAL)[1][0]
    part = planner_of(small).plan(STATE, goal=GOAL, delay=0.06, committed=committed[:1])
    np.testing.assert_allclose(part.states[0], STATE + 0.3 * (first[1] - STATE), rtol=1e-5, atol=1e-6)
    assert part.begins_at == pytest.approx(0.06)
    np.testing.assert_array_equal(part.action_at(0.0), part.action)


def test_rows_of_a_batch_have_their_own_committed_actions(small: Exported) -> None:
    committed = np.array([[[0.4, -0.1]], [[-0.3, 0.2]]], np.float32)
    batch = planner_of(small).plan_batch(np.stack([STATE] * 2), goal=GOAL, delay=0.2, committed=committed)
    assert batch.begins_at == pytest.approx(0.2)
    alone = planner_of(small).plan(STATE, goal=GOAL, delay=0.2, committed=committed[0])
    assert bits(batch[0]) == bits(alone)
    assert not np.array_equal(batch.states[0, 0], batch.states[1, 0])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda planner: pickle.loads(pickle.dumps(planner))], ids=["deepcopy", "pickle"])
def test_a_copy_knows_what_is_on_its_way(small: Exported, copied: Any) -> None:
    planner = planner_of(small, max_rate=(1.0, 2.0))
    for _ in range(4):
        planner.plan(STATE, goal=GOAL, delay=0.7)
    other = copied(planner)
    for _ in range(3):
        mine, its = planner.plan(STATE, goal=GOAL, delay=0.7), other.plan(STATE, goal=GOAL, delay=0.7)
        assert bits(mine) == bits(its)
        np.testing.assert_array_equal(mine.states, its.states)


def test_a_trace_holds_what_was_tried_and_changes_nothing(small: Exported) -> None:
    traced = planner_of(small).plan(STATE, goal=GOAL, trace=True)
    plain = planner_of(small).plan(STATE, goal=GOAL)
    assert bits(traced) == bits(plain)
    assert plain.trace is None
    assert traced.trace is not None
    assert len(traced.trace) == 3
    for iteration in traced.trace:
        assert iteration.actions.shape == (300, 4, 2)
        returns = small.problem.rollout(STATE, iteration.actions, steps_per_knot=2, goal=GOAL)
        finished = np.isfinite(iteration.returns)
        np.testing.assert_array_equal(iteration.returns[finished], returns[finished])
        order = sorted(range(300), key=lambda n: (-float(returns[n]), n))
        assert iteration.elites == order[:12]
        np.testing.assert_array_equal(iteration.actions[0], iteration.mean)
    assert max(float(i.returns.max()) for i in traced.trace) == traced.value


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "late": {"delay": 0.5},
    "late, told": {"delay": 0.3, "committed": np.float32([[0.1, 0.2], [0.3, 0.4]])},
    "with everything": {"previous_action": np.float32([0.1, 0.2]), "elapsed": 2.5, "delay": 0.06},
    "cut off by tiles": {"max_tiles": 3},
    "without time": {"deadline_ms": 0},
    "cut off by the clock": {"deadline_ms": 0.25},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_snapshot_repeats_the_last_decision_bit_for_bit(ensemble: Exported, case: str, threads: int, tmp_path: Path) -> None:
    planner = planner_of(ensemble, threads=threads, max_rate=None if case == "plain" else (2.0, 3.0))
    for i in range(3):
        planner.plan(STATE + 0.01 * i, goal=GOAL, delay=CASES[case].get("delay"))
    plan = planner.plan(STATE, goal=GOAL, **CASES[case])
    data = planner.snapshot(tmp_path / "decision.snapshot")
    assert (tmp_path / "decision.snapshot").read_bytes() == data == planner.snapshot()
    for source in (data, tmp_path / "decision.snapshot", str(tmp_path / "decision.snapshot")):
        replayed = replay(source, trace=True)
        assert replayed.same, replayed.differences()
        assert bits(replayed.plan) == bits(plan)
        assert replayed.plan.trace is not None
    assert replayed.words["tiles"] == plan.stats.tiles
    assert replayed.words["isa"] == mf.build_info()["isa"]


def test_a_snapshot_keeps_what_the_caller_changes_afterwards(small: Exported) -> None:
    planner, state, goal = planner_of(small), STATE.copy(), GOAL.copy()
    plan = planner.plan(state, goal=goal)
    state[:], goal[:], plan.actions[:] = 9.0, 9.0, 9.0
    assert replay(planner.snapshot()).same


def test_a_snapshot_of_a_batch_is_its_last_row(small: Exported) -> None:
    planner = planner_of(small)
    for _ in range(2):
        batch = planner.plan_batch(np.stack([STATE, STATE + 0.1]), goal=GOAL)
    replayed = replay(planner.snapshot())
    assert replayed.same
    assert replayed.words["stream"] == 1
    assert bits(replayed.plan) == bits(batch[1])


def test_a_snapshot_needs_a_decision(small: Exported) -> None:
    with pytest.raises(ValueError, match=r"^a snapshot needs a decision: call plan first$"):
        planner_of(small).snapshot()


def test_another_answer_is_seen(small: Exported) -> None:
    planner = planner_of(small)
    planner.plan(STATE, goal=GOAL)
    arrays, metadata = tensors.unpack(planner.snapshot())
    arrays["plan/actions"][0, 0] += np.float32(1e-6)
    replayed = replay(tensors.pack(arrays, metadata))
    assert not replayed.same
    assert 0 < replayed.differences()["actions"] < 1e-5


def test_damaged_snapshots_are_refused_in_one_sentence(small: Exported) -> None:
    planner = planner_of(small)
    planner.plan(STATE, goal=GOAL)
    data = planner.snapshot()
    for size in [*range(0, 600, 7), *range(600, len(data), 401)]:
        with pytest.raises(ValueError, match=r"^file: "):
            replay(data[:size])
    with pytest.raises(ValueError, match=r"^file: format and version must be mbrl_fast_snapshot 1, got mbrl_fast 1$"):
        replay(small.problem.bytes)
    arrays, metadata = tensors.unpack(data)
    for missing in ("state", "problem", "memory/mean", "input/goal"):
        with pytest.raises(ValueError, match=r"^(file: not a whole snapshot|input 'goal' is missing)"):
            replay(tensors.pack({name: value for name, value in arrays.items() if name != missing}, metadata))
    words = json.loads(metadata["decision"])
    for key in ("planner", "settings", "tiles", "memory", "stream"):
        broken = json.dumps({name: value for name, value in words.items() if name != key})
        with pytest.raises(ValueError, match=f"^file: not a whole snapshot: KeyError '{key}'"):
            replay(tensors.pack(arrays, {**metadata, "decision": broken}))
    with pytest.raises(ValueError, match=r"^cannot read nowhere\.snapshot: No such file"):
        replay("nowhere.snapshot")
