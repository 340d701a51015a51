"""A PETS run in its folder: it ends complete, and one that was killed goes on to the same curve."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from small_runs import Fragile, same_data, small

from mbrl_fast.online import Learnt, learn
from mbrl_fast.run import Run, new_run, open_run

FILES = {"config.json", "checkpoint.npz", "metrics.jsonl", "problem.safetensors", "transitions.npz", "evaluations.npz", "plots"}
SETTINGS = small(trials=4, eval_every=2, eval_episodes=2)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Learnt, Run]:
    """Four trials without interruption."""
    folder = tmp_path_factory.mktemp("runs") / "straight"
    return learn(SETTINGS, folder), open_run(folder)


def curve(run: Run) -> list[dict[str, object]]:
    """The lines of metrics.jsonl without what a clock says."""
    return [{name: value for name, value in line.items() if "seconds" not in name} for line in run.read_metrics()]


def same_run(learnt: Learnt, folder: Path, straight: tuple[Learnt, Run]) -> None:
    """Assert that a run that was interrupted is the one that was not."""
    expected, run = straight
    assert learnt.returns.tolist() == expected.returns.tolist()
    same_data(learnt, expected)
    resumed = open_run(folder)
    assert curve(resumed) == curve(run)
    assert resumed.problem.read_bytes() == run.problem.read_bytes()


def test_a_run_is_complete(straight: tuple[Learnt, Run]) -> None:
    learnt, run = straight
    assert {path.name for path in run.folder.iterdir()} == FILES
    assert (run.plots / "learning_curve.png").stat().st_size > 1000
    assert [line["event"] for line in run.read_metrics()] == ["explore", "trial", "trial", "trial", "trial"]
    assert [line["step"] for line in run.read_metrics()] == [30, 60, 90, 120, 150]
    with np.load(run.folder / "evaluations.npz") as evaluations:
        assert evaluations["timesteps"].tolist() == [90, 150]
        assert evaluations["results"].shape == evaluations["ep_lengths"].shape == evaluations["successes"].shape == (2, 2)
    task, planner = run.read_choices()
    assert (task, planner["name"], planner["population"]) == ("pendulum", "cem", 24)
    assert len(learnt.data) == 150


@pytest.mark.parametrize("episode", [0, 3])
def test_a_run_that_an_exception_ends_goes_on_to_the_same_curve(episode: int, straight: tuple[Learnt, Run], tmp_path: Path) -> None:
    said: list[str] = []

    def breaks() -> None:
        raise RuntimeError("the motor is on fire")

    with pytest.raises(RuntimeError, match="on fire") as raised:
        learn(SETTINGS, tmp_path / "run", task=Fragile(episode=episode, happens=breaks), say=said.append)
    kept = "all trials that ended are kept" if episode else "nothing was kept yet"
    assert raised.value.__notes__ == said[-1:]
    assert f"{kept} in {tmp_path / 'run'}; go on with --resume" in said[-1]
    with pytest.raises(FileNotFoundError, match=r"is not a run folder: it has no problem\.safetensors"):
        open_run(tmp_path / "run")
    same_run(learn(SETTINGS, tmp_path / "run", resume=True), tmp_path / "run", straight)


KILLED = """
import sys, time
from pathlib import Path
from small_runs import Fragile
from mbrl_fast.online import learn
from test_learn import SETTINGS

def sleeps():
    Path(sys.argv[2]).touch()
    time.sleep(60)

learn(SETTINGS, sys.argv[1], task=Fragile(episode=3, happens=sleeps))
"""


def test_a_run_that_is_killed_in_a_trial_goes_on_to_the_same_curve(straight: tuple[Learnt, Run], tmp_path: Path) -> None:
    reached = tmp_path / "reached"
    paths = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "run"), str(reached)], env=paths)
    while not reached.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"event": "trial", "step": 120, "trial": 3, "return": 1.0}\n{"event": "tri')  # as if it had come so far
    same_run(learn(SETTINGS, tmp_path / "run", resume=True), tmp_path / "run", straight)


def test_a_finished_run_goes_on_when_more_trials_are_asked_for(straight: tuple[Learnt, Run], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    learn(small(trials=2), folder)
    Run(folder).log("evaluate", mean_return=-5.0)
    learnt = learn(SETTINGS, folder, resume=True)
    assert learnt.returns.tolist() == straight[0].returns.tolist()
    assert Run(folder).read_metrics()[3] == {"event": "evaluate", "mean_return": -5.0}
    assert [line["trial"] for line in Run(folder).read_metrics() if "trial" in line] == [0, 1, 2, 3, 4]


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    settings, folder = small(trials=1), tmp_path / "run"
    first = learn(settings, folder)
    with pytest.raises(FileExistsError, match="exists: pass --resume to go on, --overwrite to begin anew"):
        learn(settings, folder)
    assert learn(small(trials=1, seed=1), folder, overwrite=True).returns.tolist() != first.returns.tolist()
    with pytest.raises(ValueError, match="choose one of them"):
        learn(settings, folder, overwrite=True, resume=True)
    with pytest.raises(ValueError, match="was made with seed=1, got seed=0"):
        learn(settings, folder, resume=True)
    assert open_run(folder).read_config()["recipe"]["seed"] == 1


def test_a_folder_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.tex").write_text("years of work")
    with new_run(tmp_path / "trained") as run:
        run.write_config({})
        run.problem.write_bytes(b"")
    for resume, overwrite in ((True, False), (False, True), (False, False)):
        with pytest.raises(FileExistsError, match="is not a run folder: it will not be replaced"):
            learn(small(), tmp_path / "notes", resume=resume, overwrite=overwrite)
    with pytest.raises(FileExistsError, match=r"is a run of another kind: it has no checkpoint\.npz"):
        learn(small(), tmp_path / "trained", resume=True)
    assert (tmp_path / "notes" / "thesis.tex").exists()


def test_trials_are_told_in_a_line_each(tmp_path: Path) -> None:
    said: list[str] = []
    learn(small(trials=1, eval_every=1), tmp_path / "run", say=said.append)
    assert said[0] == "exploring 1 episode(s) of pendulum at random (seed 0)"
    assert said[1].startswith("trial 1 of 1: return -")
    assert "evaluated -" in said[1]
    assert "60 real steps; fit " in said[1]


def test_numbers_also_go_where_they_are_asked_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    logged, tracker = list[tuple[str, int]](), ModuleType("fake_tracker")
    vars(tracker).update(
        init=lambda **options: logged.append((options["name"], -1)),
        log=lambda values, step: logged.append((f"{values['trial/return']:.3f}" if "trial/return" in values else "explored", step)),
        finish=lambda: logged.append(("finished", -1)),
    )
    monkeypatch.setitem(sys.modules, "fake_tracker", tracker)
    learnt = learn(small(trials=1), tmp_path / "run", tensorboard=True, tracker="fake_tracker")
    assert logged == [("run", -1), ("explored", 30), (f"{learnt.returns[0]:.3f}", 60), ("finished", -1)]
    assert len(list((tmp_path / "run" / "tensorboard").iterdir())) == 1


def test_the_configuration_repeats_the_run(straight: tuple[Learnt, Run]) -> None:
    config = straight[1].read_config()
    assert config["algorithm"] == "PETS"
    assert config["recipe"] == json.loads(json.dumps(SETTINGS.to_dict()))
