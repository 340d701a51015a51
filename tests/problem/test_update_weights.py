"""New weights for a Problem that planners are planning on."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import mbrl_fast as mf
from conftest import GOAL, STATE, export_lti
from mbrl_fast.planners.snapshot import replay

SMALL: dict[str, Any] = {"horizon": 3, "steps_per_knot": 1, "population": 40, "iterations": 2}


def value_on(problem: mf.Problem) -> float:
    """Of the first plan of a fresh planner."""
    return float(mf.CEM(problem, **SMALL).plan(STATE, goal=GOAL).value)


def test_planners_take_the_weights_of_another_problem() -> None:
    problem, other = export_lti([0]).problem, export_lti([5]).problem
    planner = mf.CEM(problem, **SMALL)
    planner.plan(STATE, goal=GOAL)
    problem.update_weights(other)
    planner.reset()
    assert planner.plan(STATE, goal=GOAL).value == value_on(problem) == value_on(other)
    assert problem.bytes == other.bytes
    states, actions = np.stack([STATE] * 3), np.zeros((3, 2), np.float32)
    np.testing.assert_array_equal(problem.step(states, actions, goal=GOAL)[0], other.step(states, actions, goal=GOAL)[0])
    assert problem.verify() == other.verify()


def test_planners_take_tensors_by_name() -> None:
    problem, other = export_lti([0, 1]).problem, export_lti([5, 6]).problem
    planner = mf.CEM(problem, **SMALL)
    problem.update_weights(other.tensors())
    assert planner.plan(STATE, goal=GOAL).value == value_on(other)
    assert problem.verify() == {}, "the test vectors belong to the old weights"
    name, value = next((name, value) for name, value in other.tensors().items() if value.ndim == 3)
    problem.update_weights({name: (2 * value).tolist()})
    np.testing.assert_array_equal(problem.tensors()[name], 2 * value)
    assert value_on(problem) != value_on(other)
    assert value_on(mf.Problem(problem.bytes)) == value_on(problem)


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    problem, before = export_lti([0]).problem, value_on(export_lti([0]).problem)
    with pytest.raises(ValueError, match=r"^new weights must come with the same graph: export the new modules as a new problem$"):
        problem.update_weights(export_lti([0, 1]).problem)
    with pytest.raises(ValueError, match=r"^unknown tensor 'w', this problem has: "):
        problem.update_weights({"w": [1.0]})
    name = next(iter(problem.tensors()))
    with pytest.raises(ValueError, match=rf"^tensor {name} must have shape \[.*\], got \[1\]$"):
        problem.update_weights({name: [1.0]})
    assert value_on(problem) == before
    planner = mf.CEM(problem, **SMALL)
    planner.plan(STATE, goal=GOAL)
    assert replay(planner.snapshot()).same


def test_a_snapshot_has_the_weights_of_its_decision() -> None:
    problem, other, third = (export_lti([seed]).problem for seed in (0, 1, 2))
    old = problem.bytes
    planner = mf.CEM(problem, **SMALL)
    plan = planner.plan(STATE, goal=GOAL)
    for newer in (other, third, other):
        problem.update_weights(newer)
        replayed = replay(planner.snapshot())
        assert replayed.same
        assert replayed.problem.bytes == old
        assert replayed.plan.value == plan.value
    planner.plan(STATE, goal=GOAL)
    assert replay(planner.snapshot()).problem.bytes == other.bytes


def test_a_planning_thread_sees_whole_updates_only() -> None:
    files = [export_lti([seed]).problem for seed in range(3)]
    expected = {value_on(file) for file in files}
    problem = mf.Problem(files[0].bytes)
    planner, done = mf.CEM(problem, **SMALL), threading.Event()
    values: list[float] = []

    def plan() -> None:
        while not done.is_set() or len(values) < 100:
            planner.reset()
            values.append(float(planner.plan(STATE, goal=GOAL).value))

    planning = threading.Thread(target=plan)
    planning.start()
    for i in range(300):
        problem.update_weights(files[i % 3])
    done.set()
    planning.join()
    assert set(values) <= expected
    planner.reset()
    assert planner.plan(STATE, goal=GOAL).value == value_on(files[299 % 3])
