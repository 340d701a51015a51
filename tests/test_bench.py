"""Every bench command runs to its result; the figures themselves are not tested."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
from bench import (
    contenders,
    family,
    ilqr_claim,
    jitter,
    measure,
    native,
    parking_episodes,
    parking_quality,
    peers,
    plan_latency,
    planner_pictures,
    policy,
    problems,
    roofline,
    scaling,
    tiny,
)

import mbrl_fast as mf
from mbrl_fast.models import Bicycle
from mbrl_fast.planners import REGISTRY
from mbrl_fast.rewards import ParkingReward
from mbrl_fast.tasks import Parking

PACKAGES = {
    "torchrl": ("torchrl", "tensordict"),
    "mppi": ("pytorch_mppi",),
    "icem": ("pytorch_icem",),
    "mbrl": ("mbrl", "hydra", "omegaconf"),
    "mlpfile": ("mlpfile", "eigenpip"),
}


def installed(*packages: str) -> bool:
    return all(importlib.util.find_spec(package) for package in packages)


def test_latency_names_what_is_not_installed() -> None:
    result = plan_latency.main(["--rounds", "1", "--warm-up", "1", "--skip-compiled"])
    assert {"notebook under no_grad, 1 thread", "lean PyTorch (inference_mode), 1 thread", "mbrl_fast, 1 thread"} <= set(
        result["contenders"]
    )
    for label, packages in (("JAX", ("jax",)), ("ONNX", ("onnx", "onnxruntime"))):
        timed, absent = (any(name.startswith(label) for name in result[key]) for key in ("contenders", "absent"))
        assert (timed, absent) == ((True, False) if installed(*packages) else (False, True))
    assert all(math.isfinite(row["median_ms"]) for row in result["contenders"].values())
    json.dumps(result)


def test_best_of_their_threads_is_set_beside_our_two() -> None:
    def row(ms: float, threads: int) -> dict[str, float]:
        return {"median_ms": ms, "threads": threads}

    rows = {
        "lean, 1 thread": row(12.0, 1), "lean, 2 threads": row(8.0, 2), "steps alone, 1 thread": row(6.0, 1),
        "mbrl_fast, 1 thread": row(2.0, 1), "mbrl_fast, 2 threads": row(1.0, 2),
    }  # fmt: skip
    assert plan_latency.speed_ups(rows) == {
        "lean": {"1 thread": 6.0, "best of theirs against our 2 threads": 8.0},
        "steps alone": {"1 thread": 3.0},
    }


def test_a_wrong_answer_is_not_timed() -> None:
    wrong = contenders.Contender("wrong", lambda: np.ones(2, np.float32), False)
    with pytest.raises(SystemExit, match="refusing to time a wrong answer"):
        measure.check([wrong], np.zeros(2, np.float32))
    off = contenders.Contender("off", lambda: np.zeros(2, np.float32), False, error=lambda: float("nan"))
    with pytest.raises(SystemExit, match="refusing to time a wrong answer"):
        measure.check([off], np.zeros(2, np.float32))


def test_a_missing_package_is_named() -> None:
    with pytest.raises(contenders.NotInstalledError, match="no_such_package is not installed"):
        contenders.need("no_such_package.part")


@pytest.mark.filterwarnings("ignore")  # other people's libraries
@pytest.mark.parametrize("name", PACKAGES)
def test_peer_plans_the_seed_problem(name: str) -> None:
    if not installed(*PACKAGES[name]):
        pytest.skip(f"{name} is not installed")
    result = peers.main(["--rounds", "1", "--warm-up", "0", "--only", name])
    assert result["absent"] == {}
    assert len(result["peers"]) == 5
    assert all(row["us_per_1000_steps"] > 0 for row in result["peers"].values())


def test_absent_peers_are_named() -> None:
    result = peers.main(["--rounds", "1", "--warm-up", "0", "--only", *(n for n, need in PACKAGES.items() if not installed(*need))])
    assert set(result["absent"]) == {peers.PEERS[name] for name, need in PACKAGES.items() if not installed(*need)}


def test_roofline_is_a_share() -> None:
    result = roofline.main(["--rounds", "2", "--problems", "seed", "drive"])
    for name in ("seed", "drive"):  # a neighbour that disturbs the measurement of the peak can make it more than the whole
        plan = result["plans"][name]
        assert math.isfinite(plan["share_of_peak"]), name
        assert plan["share_of_peak"] > 0.0, name
    assert result["plans"]["seed"]["model_steps"] >= 12_500
    json.dumps(result)


def test_single_kinds_of_instruction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "WIDTHS", (6,))
    monkeypatch.setattr(roofline, "FUNCTIONS", {"tanh": roofline.FUNCTIONS["tanh"]})
    result = roofline.main(["--rounds", "2", "--problems", "tiny", "--kernels", "--population", "64"])
    assert set(result["linears"]) == {"6 × 6"}
    assert set(result["element-wise"]) == {"tanh"}


def test_scaling_covers_every_cell() -> None:
    result = scaling.main(["--rounds", "1", "--populations", "16", "1024"])
    assert [(row["population"], row["threads"]) for row in result["cells"]] == [(16, 1), (16, 2), (1024, 1), (1024, 2)]
    assert result["linear_within"] == 0.0
    json.dumps(result)


def test_jitter_and_its_picture(tmp_path: Path) -> None:
    picture = tmp_path / "jitter.png"
    result = jitter.main(["--plans", "20", "--deadline-plans", "20", "--picture", str(picture)])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert result["steadiness"]["plan"]["p50"] <= result["steadiness"]["plan"]["max"]
    assert "absent" in result["deadlines"] or result["deadlines"]["all"]["allowed_us"] > 20.0
    json.dumps(result)


def test_a_planner_that_ignores_deadlines_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    original = mf.CEM.plan

    def plan(self: mf.CEM, state: object, *, deadline_ms: float | None = None, **inputs: object) -> mf.Plan:
        return original(self, state, **inputs)

    monkeypatch.setattr(mf.CEM, "plan", plan)
    found = jitter.main(["--plans", "20", "--deadline-plans", "60"])["deadlines"]
    assert found["all"]["plan_us"]["p50"] > 0.0
    assert {status for row in found["by deadline"] for status in row["statuses"]} == {"ok"}
    assert sum(sum(row["statuses"].values()) for row in found["by deadline"]) == 60


def test_tiny_plan_splits_into_inside_and_outside() -> None:
    (row,) = tiny.main(["--rounds", "50", "--iterations", "1"])["plans"]
    assert row["executor_us"] > 0
    assert row["plan_us"] == pytest.approx(row["executor_us"] + row["outside_us"], abs=3 * row["worst_fit_us"] + 1e-6)


def test_policy_beside_a_plan() -> None:
    result = policy.main(["--rounds", "2"])
    assert "mbrl_fast, 1 thread" in result["contenders"]
    assert bool(result["absent"]) != installed("stable_baselines3")


def test_spin_loop_grows_with_its_rounds() -> None:
    assert "baseline" in native.instruction_sets()
    assert native.calibrate("baseline", 2e-4, trials=11) > native.calibrate("baseline", 2e-5, trials=11)


@pytest.mark.parametrize("name", ["small", "tiny", "drive", "gaussian"])
def test_problem_plans(name: str) -> None:
    problem = problems.PROBLEMS[name]()
    assert problem.planner().plan(problem.state, **problem.inputs).status == "ok"


def test_the_family_is_timed_at_equal_model_steps() -> None:
    result = family.main(["--rounds", "1", "--warm-up", "1"])
    assert set(result["planners"]) == set(family.PLANNERS)
    assert all(math.isfinite(row["median_ms"]) and math.isfinite(row["value"]) for row in result["planners"].values())
    json.dumps(result)


def test_parking_quality_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    pytest.importorskip("highway_env")
    words = ["--only", parking_quality.BICYCLE, parking_quality.IDENTIFIED, "--data-seeds", "3", "4", "--first-episode", "500"]
    words += ["--work", str(tmp_path), "--jobs", "1", "--episodes", "1", "--bicycle-episodes", "1"]
    first = parking_quality.main(words)
    lines = (tmp_path / "episodes.jsonl").read_text().splitlines()
    second = parking_quality.main(words)
    assert (tmp_path / "episodes.jsonl").read_text().splitlines() == lines  # nothing is driven twice
    assert {key: second[key] for key in ("agents", "planners")} == {key: first[key] for key in ("agents", "planners")}
    assert len(lines) == 4
    row = first["agents"][parking_quality.IDENTIFIED]
    assert (row["episodes"], row["data_seeds"], row["seeds"], row["real_transitions"]) == (2, [3, 4], [500, 501], 200)
    assert row["success_interval"][0] <= row["success_rate"] <= row["success_interval"][1]
    assert 0.0 < row["plan_change"] < 2.0
    assert row["plan_cpu_ms"] > 0.0
    json.dumps(first)


def test_a_crash_after_success_counts_as_a_crash() -> None:
    def row(**changes: object) -> dict[str, object]:
        usual = {"success": True, "strict": True, "crash": False, "crash_after_success": False, "steps_to_success": 9}
        times = {
            "steps_to_strict": 20,
            "return": -1.0,
            "action_rate": 0.1,
            "plan_change": None,
            "plan_wall_ms": 1.0,
            "plan_cpu_ms": 1.0,
        }
        return {"agent": "x", "data_seed": 0, "seed": 0, **usual, **times, **changes}

    line = parking_episodes.summary([row(), row(seed=1, strict=False, steps_to_strict=None, crash_after_success=True)])
    assert (line["success_count"], line["strict_count"], line["crash_count"]) == (2, 1, 1)
    assert (line["mean_steps"], line["mean_steps_strict"], line["plan_change"]) == (9.0, 20.0, None)
    assert line["not_strict"] == [(0, 1)]


def test_the_claim_about_ilqr_is_a_table_of_three_planners() -> None:
    words = ["--world", "replica", "--episodes", "2", "--budgets", "0.5", "--max-steps", "12", "--first-episode", "7"]
    rows = ilqr_claim.main(words)["rows"]
    assert [row["planner"] for row in rows] == ["CEM", "iLQR", "CEM, then iLQR"]
    assert all(row["episodes"] == 2 and row["plan_ms"] > 0.0 and math.isfinite(row["return"]) for row in rows)


def test_every_registered_planner_has_its_picture() -> None:
    problem = mf.export(Bicycle(), ParkingReward(), env=Parking())
    drawn = planner_pictures.planners(problem)
    assert set(REGISTRY) <= set(drawn)
    axes = planner_pictures.draw("icem", drawn["icem"], problem)
    assert len(axes.lines) > 300
    pictures = Path(planner_pictures.__file__).parents[1] / "docs" / "planners"
    assert {path.stem for path in pictures.glob("*.png")} == set(drawn)
