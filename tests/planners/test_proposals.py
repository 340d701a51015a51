"""Candidates that the caller or the Problem's policy proposes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from makers import makers
from torch import Tensor

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported, lti
from mbrl_fast.reference.knots import expansion, projection
from mbrl_fast.rewards import GoalDistance

VARIANTS: dict[str, dict[str, Any]] = {
    "hold": {},
    "cubic": {"interpolation": "cubic"},
    "growing": {"knot_growth": 1.6},
    "limited": {"interpolation": "linear", "max_rate": 0.8},
}


def policy(state: Tensor, goal: Tensor) -> Tensor:
    """Towards the goal, often beyond the bounds."""
    return 8 * (goal[:2] - state[:, :2]) + state[:, 2:4]


def with_policy(seeds: list[int]) -> mf.Problem:
    members = [lti(seed) for seed in seeds]
    return mf.export(
        members, GoalDistance(), policy=policy,
        state_size=6, action_size=2, inputs={"goal": 6}, action_low=-1, action_high=[1, 0.5], dt=0.2,
    )  # fmt: skip


@pytest.fixture(scope="module")
def guided() -> mf.Problem:
    """Three networks and a policy."""
    return with_policy([0, 1, 2])


make = makers(VARIANTS, "guided")


def rows(planner: Any) -> int:
    return len(planner.plan(STATE, goal=GOAL, max_tiles=0).actions)


def as_tried(planner: Any, proposals: Any) -> Any:
    """Proposals [P, rows, A] as the planner rolls them out, without limits on rates."""
    s, low, high = planner.settings, planner.problem.action_low, planner.problem.action_high
    if s.interpolation == "hold" and s.knot_growth == 1:
        return np.clip(proposals, low, high)
    shape = (s.horizon, s.steps_per_knot, s.interpolation, s.knot_growth)
    knots = np.clip(projection(*shape).numpy() @ proposals, low, high)
    return np.clip(expansion(*shape).numpy() @ knots, low, high)


def test_proposals_follow_the_mean_and_the_kept_elites(make: Any) -> None:
    planner = make(include_mean=True, keep_elites=2, max_rate=None, iterations=1)
    proposals = np.random.default_rng(1).normal(size=(4, rows(planner), 2)).astype(np.float32)
    for plan_number in range(3):
        trace = planner.plan(STATE, goal=GOAL, candidates=proposals, trace=True).trace
        kept = planner.settings.keep_elites if plan_number else 0
        first = 1 + kept if plan_number else 1
        np.testing.assert_allclose(trace[0].actions[first : first + 4], as_tried(planner, proposals), atol=1e-6)
        planner.plan(STATE, goal=GOAL)


def test_a_proposal_that_cannot_be_beaten_is_the_answer(small: Exported) -> None:
    sure = mf.CEM(small.problem, population=3000, iterations=20, elites=30).plan(STATE, goal=GOAL)
    lazy = mf.CEM(small.problem, population=12, iterations=1, init_std=0.01, elites=2, keep_elites=0)
    plan = lazy.plan(STATE, goal=GOAL, candidates=sure.actions[None])
    np.testing.assert_array_equal(plan.actions, sure.actions)
    assert plan.value == sure.value


def test_proposals_do_not_outlive_their_call(make: Any) -> None:
    planner, other = make(warm_start=False), make(warm_start=False)
    proposals = np.ones((3, rows(planner), 2), np.float32)
    planner.reset()
    planner.plan(STATE, goal=GOAL, candidates=proposals)
    other.plan(STATE, goal=GOAL)
    # keep_elites of a plan may stem from a proposal: it is the planner without memory that is compared
    np.testing.assert_array_equal(planner.plan(STATE, goal=GOAL).actions, other.plan(STATE, goal=GOAL).actions)


def test_a_policys_candidates_are_its_rollouts_under_each_member(make: Any, guided: mf.Problem) -> None:
    planner = make(policy_candidates=True, include_mean=True, max_rate=None, iterations=1)
    plan = planner.plan(STATE, goal=GOAL, trace=True)
    held = round(plan.knot_seconds / guided.dt)
    expected = np.zeros((3, len(plan.actions), 2), np.float32)
    for member in range(3):
        at = STATE[None]
        for step in range(len(plan.actions) * held):
            if step % held == 0:
                expected[member, step // held] = guided.act(at, goal=GOAL)[0]
            at = guided.step(at, expected[member, step // held][None], member=member, goal=GOAL)[0]
    assert len({row.tobytes() for row in expected}) == 3
    np.testing.assert_allclose(plan.trace[0].actions[1:4], as_tried(planner, expected), atol=1e-5)


def test_a_policy_sees_new_weights(guided: mf.Problem) -> None:
    problem = mf.Problem(guided.bytes)
    planner = mf.CEM(problem, policy_candidates=True, include_mean=False, keep_elites=0, warm_start=False)
    first = planner.plan(STATE, goal=GOAL, trace=True).trace[0].actions[:3].copy()
    problem._core.assign_weights(with_policy([3, 4, 5])._core)
    assert not np.allclose(planner.plan(STATE, goal=GOAL, trace=True).trace[0].actions[:3], first)


def test_plans_with_proposals_have_equal_bits_whatever_the_threads(make: Any) -> None:
    proposals = np.random.default_rng(1).normal(size=(5, rows(make()), 2))
    answers = set()
    for threads in (1, 2, 5):
        planner = make(threads=threads, policy_candidates=True)
        plans = [planner.plan(STATE, goal=GOAL, candidates=proposals) for _ in range(3)]
        answers.add(b"".join(plan.actions.tobytes() + np.float32(plan.value).tobytes() for plan in plans))
    assert len(answers) == 1


def test_a_snapshot_holds_the_proposals(make: Any) -> None:
    planner = make(policy_candidates=True)
    proposals = np.random.default_rng(1).normal(size=(5, rows(planner), 2)).astype(np.float32)
    for deadline in (None, 0.2):
        for given in (proposals, None, proposals[:2]):
            planner.plan(STATE, goal=GOAL, candidates=given, deadline_ms=deadline)
            again = mf.replay(planner.snapshot())
            assert again.same, again.differences()
            assert ("candidates" in again.arrays) == (given is not None)


def test_rows_of_a_batch_share_proposals(make: Any) -> None:
    states = np.stack([STATE, STATE + 0.1])
    proposals = np.random.default_rng(1).normal(size=(3, rows(make()), 2))
    batch = make().plan_batch(states, goal=GOAL, candidates=proposals)
    np.testing.assert_array_equal(batch[0].actions, make().plan(states[0], goal=GOAL, candidates=proposals).actions)


def test_wrong_proposals_are_named(small: Exported) -> None:
    planner = mf.CEM(small.problem, horizon=4, population=20, keep_elites=3, include_mean=True)
    planner.plan(STATE, goal=GOAL, candidates=np.zeros((16, 4, 2), np.float32))
    planner.plan(STATE, goal=GOAL, candidates=np.zeros((0, 4, 2), np.float32))
    for shape in ((4, 2), (1, 5, 2), (1, 4, 3)):
        with pytest.raises(ValueError, match=r"^candidates must have shape \[any, 4, 2\], got"):
            planner.plan(STATE, goal=GOAL, candidates=np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match=r"^candidates must be at most 16, what the population holds besides .*, got 17$"):
        planner.plan(STATE, goal=GOAL, candidates=np.zeros((17, 4, 2), np.float32))
    with pytest.raises(ValueError, match=r"^candidates must be finite, got candidates\[0, 1, 1\] = nan$"):
        planner.plan(STATE, goal=GOAL, candidates=[[[0.0, 0.0], [0.0, np.nan], [0.0, 0.0], [0.0, 0.0]]])


def test_a_policy_that_is_not_there_or_asks_too_much_is_named(small: Exported, guided: mf.Problem) -> None:
    with pytest.raises(ValueError, match=r"^policy_candidates needs a policy: export the problem with one$"):
        mf.CEM(small.problem, policy_candidates=True)
    with pytest.raises(
        ValueError, match=r"^population must hold the mean, the kept elites and the policy's 3 candidates, got population=5$"
    ):
        mf.CEM(guided, policy_candidates=True, population=5, elites=3, keep_elites=2, include_mean=True)
