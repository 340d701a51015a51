"""The benches of learning online run to their results, and go on where they were cut."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from bench import measure, pets_mujoco, pets_parking

from mbrl_fast.online import make_settings
from mbrl_fast.tasks import Parking

needs_mujoco = pytest.mark.skipif(importlib.util.find_spec("mujoco") is None, reason="mujoco is not installed")
needs_parking = pytest.mark.skipif(importlib.util.find_spec("highway_env") is None, reason="highway-env is not installed")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where --save writes."""
    monkeypatch.setattr(measure, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


@needs_mujoco
def test_reacher_goes_on_where_it_was_cut(tmp_path: Path, results: Path) -> None:
    words = [
        "--tasks",
        "reacher",
        "--reacher-seeds",
        "5",
        "--trials",
        "2",
        "--max-steps",
        "6",
        "--epochs",
        "1",
        "--population",
        "20",
    ]
    words += ["--population", "40", "--eval-every", "1", "--eval-steps", "4", "--work", str(tmp_path), "--save"]
    first = pets_mujoco.main(words)["tasks"]["reacher"]
    second = pets_mujoco.main(words)["tasks"]["reacher"]
    assert second == first  # seconds, too: nothing was done twice
    rows = first["seeds"]["5"]["evaluations"]
    assert [(row["trial"], row["step"]) for row in rows] == [(1, 36), (2, 42)]
    assert {len(row["returns"]) for row in rows} == {20}
    assert len(first["seeds"]["5"]["trials"]) == 2
    saved = json.loads((results / "pets_mujoco.json").read_text())
    assert saved["tasks"]["reacher"]["seeds"]["5"]["evaluations"] == rows
    assert (results / "pets_mujoco.png").stat().st_size > 1000


@needs_mujoco
def test_random_actions_and_published_figures_stand_beside() -> None:
    options = pets_mujoco.parse(["--eval-steps", "3", "--seeds", "0", "3"])
    cheetah = pets_mujoco.blank("half-cheetah", options)
    assert len(set(cheetah["random actions"])) == 5
    assert cheetah["published"]["SAC, 50,000 steps (POPLIN)"]["return"] == 1746.0
    assert cheetah["settings"]["seed"] == [0, 3]
    planner = cheetah["settings"]["planner_settings"]
    assert (planner["population"], planner["horizon"], planner["iterations"]) == (200, 15, 3)


@needs_parking
def test_parking_goes_on_where_it_was_cut(tmp_path: Path, results: Path) -> None:
    words = [
        "--seeds",
        "5",
        "--gaussian-seeds",
        "6",
        "--networks",
        "lti",
        "gaussian",
        "--trials",
        "4",
        "--max-steps",
        "8",
        "--epochs",
        "1",
        "--episodes",
        "2",
    ]
    (results).mkdir()
    curve = [{"transitions": 2000, "success_rate": 0.02, "episodes": 50, "return": -1.0}]
    known = {"cells": {"SAC + HER": {"curve": curve}, "TQC + HER": {"absent": "not installed"}}}
    (results / "episode_quality.json").write_text(json.dumps(known))
    words += ["--work", str(tmp_path), "--save"]
    first, second = pets_parking.main(words), pets_parking.main(words)
    assert second == first
    for network, seed in (("lti", "5"), ("gaussian", "6")):
        row = first["networks"][network]["seeds"][seed]
        assert row["steps"] == [72]
        assert row["reached_at"] is None
    assert first["policies"] == {"SAC + HER": [{"transitions": 2000, "success_rate": 0.02, "episodes": 50}], "TQC + HER": []}
    assert json.loads((results / "pets_parking.json").read_text())["networks"]["lti"]["seeds"] == first["networks"]["lti"]["seeds"]
    assert (results / "pets_parking.png").stat().st_size > 1000


def test_the_goal_is_reached_at_the_first_evaluation_with_nine_of_ten() -> None:
    phases = {f"seconds_{phase}": 1.0 for phase in ("fit", "export", "plan", "environment")}
    trials = [{"step": 300, "crash": True, **phases}]
    for step, successes in ((400, 8), (500, 9), (600, 7)):
        evaluated = {"evaluation_successes": [True] * successes + [False] * (10 - successes)}
        trials.append({"step": step, "crash": False, **evaluated, **phases})
    learnt = SimpleNamespace(trials=trials, records=[{"crash": True}, *trials])
    row = pets_parking.summary(learnt)  # type: ignore[arg-type]
    assert (row["steps"], row["success"], row["reached_at"]) == ([400, 500, 600], [0.8, 0.9, 0.7], 500)
    assert (row["crashes"], row["seconds_fit"]) == (2, 4.0)


@needs_parking
@pytest.mark.skipif(importlib.util.find_spec("stable_baselines3") is None, reason="stable-baselines3 is not installed")
@pytest.mark.filterwarnings("ignore")  # stable-baselines3's
def test_a_policy_is_evaluated_at_its_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"learning_starts": 110, "batch_size": 4, "policy_kwargs": {"net_arch": [8]}}
    usual = pets_parking.sb3_her.settings()
    monkeypatch.setattr(pets_parking.sb3_her, "settings", lambda: {**usual, **small})
    monkeypatch.setattr(pets_parking, "POLICY_STEPS", 5)
    options = pets_parking.parse(["--her-points", "105", "112", "--episodes", "2", "--seeds", "5", "--work", str(tmp_path)])
    rows = pets_parking.policy("SAC + HER", options)
    assert [(row["transitions"], row["episodes"]) for row in rows] == [(105, 2), (112, 2)]
    assert pets_parking.policy("SAC + HER", options) == rows


def test_parking_recommends_networks_that_are_the_same_everywhere() -> None:
    settings = make_settings("parking")
    assert settings.symmetries
    network = Parking().model(settings.hidden_sizes, settings.std)
    import torch

    state, action = torch.randn(3, 6), torch.randn(3, 2)
    moved = state + torch.tensor([1.0, -2.0, 0.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose((network(moved, action) - moved).detach(), (network(state, action) - state).detach(), atol=1e-5)
    with pytest.raises(ValueError, match=r"hidden_sizes of the parking task must be of one size, got hidden_sizes=\(64, 32\)"):
        Parking().model(replace(settings, hidden_sizes=(64, 32)).hidden_sizes, "bounded")
