"""A sampler and a refiner as one planner."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported

KNOTS = {"horizon": 10, "steps_per_knot": 1}


def refined(small: Exported, **changes: object) -> mf.Refined:
    problem = small.problem
    return mf.Refined(mf.CEM(problem, **KNOTS, population=40, elites=6), mf.ILQR(problem, **KNOTS), **changes)  # type: ignore[arg-type]


def test_it_is_better_than_the_sampler_alone(small: Exported) -> None:
    alone = mf.CEM(small.problem, **KNOTS, population=40, elites=6)
    together = refined(small)
    gains = []
    for step in range(4):
        state = STATE + np.float32(0.02 * step)
        gains.append(together.plan(state, goal=GOAL).value - alone.plan(state, goal=GOAL).value)
    assert min(gains) >= 0
    assert max(gains) > 0.01


def test_rows_of_a_batch_plan_as_if_alone(small: Exported) -> None:
    states = STATE + 0.05 * np.arange(3, dtype=np.float32)[:, None]
    goals = np.stack([GOAL, GOAL, -GOAL])
    together, alone = refined(small), refined(small)
    for _ in range(2):
        batch = together.plan_batch(states, goal=goals)
        first = alone.plan(states[0], goal=goals[0])
        assert batch.actions[0].tobytes() == first.actions.tobytes()
    assert batch.values.shape == (3,)
    assert batch[1].actions.tobytes() == batch.actions[1].tobytes()
    together.reset([0])
    assert together.plan_batch(states, goal=goals).actions.shape == (3, 10, 2)


def test_it_pickles_and_resets(small: Exported) -> None:
    planner = refined(small)
    first = planner.plan(STATE, goal=GOAL)
    planner.reset()
    assert planner.plan(STATE, goal=GOAL).actions.tobytes() == first.actions.tobytes()
    assert pickle.loads(pickle.dumps(planner)).plan(STATE, goal=GOAL).status == "ok"


def test_a_deadline_is_shared(small: Exported) -> None:
    plan = refined(small, share=0.3).plan(STATE, goal=GOAL, deadline_ms=0.0)
    assert plan.status in ("safe", "shifted")
    assert np.isfinite(plan.actions).all()


def test_what_does_not_fit_together_is_named(small: Exported, ensemble: Exported) -> None:
    sampler = mf.CEM(small.problem, **KNOTS)
    with pytest.raises(ValueError, match=r"^sampler and refiner must answer with the same rows, got 10 and 12 model steps"):
        mf.Refined(sampler, mf.ILQR(small.problem, horizon=12))
    with pytest.raises(ValueError, match=r"^sampler and refiner must plan on the same Problem object$"):
        mf.Refined(sampler, mf.ILQR(ensemble.problem, **KNOTS))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^share must be in \(0, 1\), got 1.0$"):
        refined(small, share=1.0)
