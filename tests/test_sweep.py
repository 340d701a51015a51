"""Sweeps: settings × seeds, in this process, in several, and on a local Ray."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mbrl_fast.online import PETSSettings, learn, make_settings
from mbrl_fast.run import open_run
from mbrl_fast.sweep import sweep

pytest.importorskip("joblib")


def quick(trials: int = 1) -> PETSSettings:
    """A run of a second."""
    planner = {"horizon": 4, "population": 10, "elites": 3, "iterations": 1, "steps_per_knot": 1}
    return make_settings(
        "pendulum", trials=trials, max_steps=10, members=1, hidden_sizes=(8,), epochs=2, particles=0, planner="cem", threads=2,
        planner_settings=planner,
    )  # fmt: skip


def test_every_setting_meets_every_seed_in_a_folder_of_its_own(tmp_path: Path) -> None:
    settings = {"narrow": quick(), "wide": replace(quick(), hidden_sizes=(16,))}
    runs = sweep(settings, [3, 5], tmp_path / "sweep")
    assert {name: len(group) for name, group in runs.items()} == {"narrow": 2, "wide": 2}
    for name in settings:
        for seed, learnt in zip((3, 5), runs[name], strict=True):
            recipe = open_run(tmp_path / "sweep" / name / f"seed{seed}").read_config()["recipe"]
            assert (recipe["seed"], recipe["threads"]) == (seed, 1)
            assert learnt.models is None
    assert (tmp_path / "sweep" / "learning_curve.png").stat().st_size > 1000
    alone = learn(replace(quick(), seed=3, threads=1), tmp_path / "alone")
    assert runs["narrow"][0].returns.tolist() == alone.returns.tolist()
    assert runs["narrow"][0].returns.tolist() != runs["narrow"][1].returns.tolist()


def test_processes_give_the_same_runs_and_resume(tmp_path: Path) -> None:
    one = sweep({"": quick()}, [0, 1], tmp_path / "one")
    two = sweep({"": quick()}, [0, 1], tmp_path / "two", jobs=2)
    assert [run.returns.tolist() for run in one[""]] == [run.returns.tolist() for run in two[""]]
    more = sweep({"": quick(trials=2)}, [0, 1], tmp_path / "two", resume=True)
    assert [len(run.returns) for run in more[""]] == [2, 2]
    assert more[""][0].returns[0] == one[""][0].returns[0]


def test_a_run_that_fails_is_the_sweeps_failure_and_the_others_are_kept(tmp_path: Path) -> None:
    (tmp_path / "seed1").mkdir()
    (tmp_path / "seed1" / "notes.txt").write_text("in the way")
    with pytest.raises(FileExistsError, match="seed1 exists and is not a run folder"):
        sweep({"": quick()}, [0, 1], tmp_path)
    assert open_run(tmp_path / "seed0").problem.exists()


def test_a_sweep_needs_settings_and_seeds(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs settings and seeds, got 1 settings and 0 seeds"):
        sweep({"": quick()}, [], tmp_path)


ON_RAY = """
import sys
import joblib, ray
from ray.util.joblib import register_ray
from mbrl_fast.sweep import sweep
from test_sweep import quick

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
register_ray()
with joblib.parallel_config(backend="ray"):
    runs = sweep({"": quick()}, [0, 1], sys.argv[1], jobs=2)
print([run.returns.tolist() for run in runs[""]])
ray.shutdown()
"""


def test_the_same_call_runs_on_ray(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "PYTHONPATH": str(Path(__file__).parent)}
    ran = subprocess.run(
        [sys.executable, "-c", ON_RAY, str(tmp_path / "ray")],
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    here = sweep({"": quick()}, [0, 1], tmp_path / "here")
    assert ran.stdout.splitlines()[-1] == str([run.returns.tolist() for run in here[""]])
