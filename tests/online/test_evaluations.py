"""`evaluations.npz` is what stable-baselines3 writes and the plots of rl_zoo3 read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from small_runs import small

from mbrl_fast.online import Learnt, evaluations, explore, save_evaluations
from mbrl_fast.tasks import Pendulum


def learnt(records: list[dict[str, Any]]) -> Learnt:
    """Trials with these records, after an exploration."""
    explored = explore(small(max_steps=3), Pendulum())
    trials = [{"event": "trial", "trial": number, **record} for number, record in enumerate(records, 1)]
    return Learnt(len(records), explored.data, (*explored.records, *trials))


def evaluated(step: int, returns: list[float]) -> dict[str, Any]:
    lengths, successes = [200] * len(returns), [value > -200 for value in returns]
    outcome = {"evaluation_returns": returns, "evaluation_lengths": lengths, "evaluation_successes": successes}
    return {"step": step, "return": -1.0, "length": 200, "success": True, **outcome}


def test_evaluations_are_kept_where_there_were_any(tmp_path: Path) -> None:
    plain = {"step": 400, "return": -900.0, "length": 200, "success": False}
    save_evaluations(
        tmp_path / "e.npz", learnt([plain, evaluated(600, [-300.0, -100.0]), plain, evaluated(1000, [-150.0, -130.0])])
    )
    log = np.load(tmp_path / "e.npz")  # as rl_zoo3's plots do
    assert log["timesteps"].tolist() == [600, 1000]
    np.testing.assert_allclose(np.squeeze(log["results"].mean(axis=1)), [-200, -140])
    assert log["ep_lengths"].tolist() == [[200, 200], [200, 200]]
    assert log["successes"].tolist() == [[False, True], [True, True]]
    assert [path.name for path in tmp_path.iterdir()] == ["e.npz"]


def test_else_the_trials_own_episodes_are_the_evaluations() -> None:
    trials = [{"step": 400, "return": -900.0, "length": 200}, {"step": 450, "return": -100.0, "length": 50}]
    found = evaluations(learnt(trials))
    assert found["timesteps"].tolist() == [400, 450]
    assert found["results"].tolist() == [[-900.0], [-100.0]]
    assert found["ep_lengths"].tolist() == [[200], [50]]
    assert "successes" not in found
