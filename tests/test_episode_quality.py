"""bench.episode_quality on a few short episodes: sizes, cells that are kept, table and picture; the figures are not tested."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bench import closed_loop, episode_quality, quality_cells, quality_sizes
from bench.parking_batch import Replica

import mbrl_fast as mf
from mbrl_fast.export import export
from mbrl_fast.models import Bicycle
from mbrl_fast.planners import REGISTRY
from mbrl_fast.rewards import ParkingReward
from mbrl_fast.tasks import Parking


@pytest.fixture(scope="module")
def problem() -> mf.Problem:
    return export(Bicycle(), ParkingReward(), env=Parking())


def test_a_planner_is_sized_for_its_model_steps(problem: mf.Problem) -> None:
    starts = (
        np.tile(np.array([0, 0, 0, 0, 1, 0], np.float32), (4, 1)),
        np.tile(np.array([0.1, 0.14, 0, 0, 0, 1], np.float32), (4, 1)),
    )
    settings, cost = quality_sizes.fitted("cem", problem, Parking(), "steps", 5000, starts)
    assert cost == pytest.approx(5000, rel=0.15)
    assert settings["elites"] == pytest.approx(settings["population"] * 6 / 64, abs=1)
    assert settings["keep_elites"] <= settings["elites"]
    with pytest.raises(quality_sizes.TooDearError, match=r"^population 4 takes "):
        quality_sizes.fitted("cem", problem, Parking(), "steps", 10, starts)


def test_every_seed_is_driven_once_and_refilled_slots_do_not_mix(problem: mf.Problem) -> None:
    task = Parking(max_steps=12)
    planner = mf.CEM(problem, **{**task.planner_settings(), "population": 16, "elites": 4, "iterations": 2})
    world = Replica(task, 3)
    episodes = list(closed_loop.drive(closed_loop.PlannerDriver(planner), world, range(50, 57)))
    world.close()
    assert sorted(episode["seed"] for episode in episodes) == list(range(50, 57))
    assert all(episode["steps"] <= 12 for episode in episodes)
    assert all(0 < episode["plan_distance"] < 1 and episode["plan_ms"] > 0 for episode in episodes)
    row = closed_loop.summary(episodes)
    assert row["episodes"] == 7
    assert row["success_interval"][0] <= row["success_rate"] <= row["success_interval"][1]


def test_the_plan_distance_of_a_shifted_plan_is_zero() -> None:
    class Shifting:
        def act(self, states, goals, fresh):  # type: ignore[no-untyped-def]
            self.t = 0 if fresh.all() else self.t + 1
            plan = 0.01 * np.arange(self.t, self.t + 5, dtype=np.float32)
            plans = np.tile(plan[None, :, None], (len(states), 1, 2))
            return plans[:, 0], plans, np.ones(len(states))

    world = Replica(Parking(max_steps=6), 1)
    (episode,) = closed_loop.drive(Shifting(), world, [1])
    world.close()
    assert episode["plan_distance"] == pytest.approx(0.0, abs=1e-7)
    assert episode["action_rate"] == pytest.approx(0.01, abs=1e-6)


def test_a_cell_is_driven_once_and_shown_with_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common = ["--folder", str(tmp_path), "--episodes", "2", "--max-steps", "5", "--models", "bicycle", "--only", "cem, exact",
              "--milliseconds", "--steps", "1000", "2000"]  # fmt: skip
    first = episode_quality.main([*common, "--picture", str(tmp_path / "quality.png")])
    assert set(first["cells"]) == {f"{name}, exact bicycle at {steps} steps" for steps in (1000, 2000) for name in ("cem", "icem")}
    assert (tmp_path / "quality.png").stat().st_size > 10_000
    json.dumps(first)

    def never(*arguments: object) -> None:
        raise AssertionError("driven again")

    monkeypatch.setattr(quality_cells, "drive", never)
    assert episode_quality.main(common)["cells"] == first["cells"]
    with pytest.raises(SystemExit, match="other conditions"):
        episode_quality.main([*common, "--max-steps", "6"])
    with pytest.raises(SystemExit, match="--only nobody matches none of: cem, "):
        episode_quality.main([*common[:-6], "--only", "nobody"])


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_planner_takes_what_it_has_of_the_tasks_settings(name: str) -> None:
    settings = quality_sizes.scaled(name, quality_sizes.settings_of(name, Parking()), 32)
    assert REGISTRY[name].settings_type(**settings).horizon == Parking().planner_settings()["horizon"]
