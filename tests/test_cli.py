"""The command line: what it prints where, its exit codes, and its sentences."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mbrl_fast.cli import main

pytest.importorskip("tyro")
pytest.importorskip("rich")

START, GOAL = ["0", "0", "0", "0", "1", "0"], ["0.1", "-0.14", "0", "0", "0", "-1"]


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained for a moment: it drives badly, and everything else about it is real."""
    for module in ("torch", "highway_env", "matplotlib"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("runs") / "small"
    options = ["--transitions", "300", "--rounds", "0", "--members", "2", "--hidden-size", "8", "--epochs", "2"]
    assert main(["train", "--out", str(folder), *options]) == 0
    return folder


@pytest.fixture
def problem(run_folder: Path) -> str:
    return str(run_folder / "problem.safetensors")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The sentence with which a command line is refused."""
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("mbrl-fast: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_help_lists_every_command_and_needs_no_torch() -> None:
    script = "import sys; from mbrl_fast.cli import main; code = main(['--help']); sys.exit(code or 'torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert shown.returncode == 0
    for command in ("demo", "train", "evaluate", "report", "plan", "inspect", "verify"):
        assert f"• {command}" in shown.stdout


@pytest.mark.parametrize("command", ["demo", "train", "evaluate", "report", "plan", "inspect", "verify"])
def test_each_command_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"\n  mbrl-fast {command} " in capsys.readouterr().out


def test_no_command_is_a_call_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "A first session" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["trian"], ["train"], ["evaluate", "run", "--epsodes", "3"], ["evaluate", "run", "--seed", "x"]])
def test_words_that_mean_nothing_are_bad_usage(words: list[str]) -> None:
    assert main(words) == 2


def test_a_run_folder_holds_all_its_parts(run_folder: Path) -> None:
    names = {str(path.relative_to(run_folder)) for path in run_folder.rglob("*")}
    assert names == {
        "config.json", "metrics.jsonl", "problem.safetensors", "transitions.npz",
        "plots", "plots/losses.png", "plots/open_loop.png",
    }  # fmt: skip
    config = json.loads((run_folder / "config.json").read_text())
    assert config["recipe"] == {
        "task": "parking", "seed": 0, "transitions": 300, "members": 2, "hidden_size": 8, "epochs": 2,
        "rounds": 0, "on_policy": 1000, "model": "network",
    }  # fmt: skip
    lines = [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines][:5] == ["collect", "epoch", "epoch", "trained", "verify"]


def test_rounds_drive_with_the_planner_and_train_on_everything(tmp_path: Path) -> None:
    pytest.importorskip("highway_env")
    options = [
        "--transitions",
        "200",
        "--rounds",
        "2",
        "--on-policy",
        "70",
        "--members",
        "2",
        "--hidden-size",
        "8",
        "--epochs",
        "3",
    ]
    assert main(["train", "--out", str(tmp_path / "run"), *options]) == 0
    from mbrl_fast.data import Transitions

    data = Transitions.load(tmp_path / "run" / "transitions.npz")
    assert len(data) == 340
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    events = [line["event"] for line in lines]
    once = ["epoch", "trained"]
    assert events == ["collect", *once, "drive", *once, "drive", *["epoch"] * 3, "trained", "verify"]
    assert lines[-1]["real_transitions"] == 340
    first, second = data[200:270], data[270:]
    assert not np.array_equal(first.states, second.states)


def test_what_is_not_given_is_what_the_task_recommends() -> None:
    from mbrl_fast.recipe import make_recipe
    from mbrl_fast.tasks import Parking

    recipe = make_recipe(members=None, rounds=3)
    assert (recipe.transitions, recipe.rounds, recipe.members) == (Parking.recipe["transitions"], 3, Parking.recipe["members"])
    assert make_recipe().real_transitions == 4000
    physics = make_recipe(model="physics")
    assert (physics.real_transitions, physics.members) == (200, 1)


def test_physics_is_identified_from_little_data(tmp_path: Path) -> None:
    pytest.importorskip("highway_env")
    assert main(["train", "--out", str(tmp_path / "run"), "--model", "physics", "--transitions", "200"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["identified"] == pytest.approx({"length": 5.0, "acceleration": 5.0, "steering": np.pi / 4}, rel=1e-3)
    words = ["evaluate", str(tmp_path / "run"), "--episodes", "1", "--max-steps", "5", "--json"]
    assert main(words) == 0


def test_evaluate_prints_one_json_line_and_notes_it_in_the_run(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", str(run_folder), "--episodes", "2", "--seed", "7", "--max-steps", "3", "--json"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    line = json.loads(printed)
    for name in ("success_rate", "strict_rate", "crash_rate", "mean_steps", "plan_ms_median", "plan_ms_p99"):
        assert name in line
    assert (line["episodes"], line["first_seed"], line["plans"]) == (2, 7, 4)
    noted = json.loads((run_folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert noted["event"] == "evaluate"
    assert noted["success_interval"] == line["success_interval"]


def test_evaluate_does_not_depend_on_the_number_of_jobs(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for jobs in ("1", "2"):
        words = ["evaluate", str(run_folder), "--episodes", "3", "--max-steps", "6", "--json", "--jobs", jobs]
        assert main(words) == 0
        lines.append(json.loads(capsys.readouterr().out))
    assert lines[0]["mean_return"] == lines[1]["mean_return"]
    assert lines[0]["mean_action_rate"] == lines[1]["mean_action_rate"]


def test_evaluate_prints_a_table_for_people(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run_folder), "--episodes", "1", "--max-steps", "2"]) == 0
    captured = capsys.readouterr()
    assert "strict success (stopped)" in captured.out
    assert "1/1" in captured.err  # the progress bar


def test_report_drives_episodes_and_writes_one_file_that_an_evaluation_writes_too(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    out = tmp_path / "report.html"
    assert main(["report", str(run), "--episodes", "1", "--max-steps", "3", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    page = out.read_text(encoding="utf-8")
    for title in ("Outcome", "Training", "What the model predicts", "Worst episodes", "Time of a plan", "Configuration"):
        assert f"<h2>{title}</h2>" in page
    assert not (run / "report.html").exists()
    assert main(["evaluate", str(run), "--episodes", "1", "--max-steps", "3", "--report", "--json"]) == 0
    assert capsys.readouterr().out.startswith("{")
    assert "<h2>Worst episodes</h2>" in (run / "report.html").read_text(encoding="utf-8")
    assert main(["report", str(run), "--episodes", "0"]) == 0
    assert "<h2>Worst episodes</h2>" not in (run / "report.html").read_text(encoding="utf-8")


def test_plan_shows_knots_and_as_json_everything(problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", problem, "--state", *START, "--goal", *GOAL]
    assert main(words) == 0
    table = capsys.readouterr().out
    assert "status ok" in table
    assert "throttle" in table
    assert main([*words, "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert np.shape(line["states"])[1] == 6
    assert line["action"] == line["actions"][0]
    assert np.abs(line["actions"]).max() <= 1


def test_plan_takes_inputs_by_name_and_the_same_seed_plans_the_same(problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    plans = []
    for words in (["--goal", *GOAL], ["--input", "goal=" + ",".join(GOAL), "--threads", "2"], ["--goal", *GOAL, "--seed", "1"]):
        assert main(["plan", problem, "--state", *START, *words, "--json"]) == 0
        plans.append(json.loads(capsys.readouterr().out)["actions"])
    assert plans[0] == plans[1]
    assert plans[0] != plans[2]


def test_inspect_shows_what_an_engineer_checks(problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", problem]) == 0
    shown = capsys.readouterr().out
    for text in (
        "6 × 2",
        "0.2 s",
        "throttle",
        "5 m/s²",
        "state[6]",
        "action[2]",
        "goal[6]",
        "terminal_value",
        "linear×",
        "step/0.weight",
        "test vectors",
    ):
        assert text in shown


def test_inspect_counts_the_multiply_adds_that_the_core_counts(problem: str) -> None:
    from mbrl_fast import load
    from mbrl_fast.report.inspect_table import multiply_adds

    loaded = load(problem)
    program = loaded.graph["programs"]["step"]
    counted = sum(map(multiply_adds, program["instructions"][program["prologue"] :]))
    assert counted == loaded._core.multiply_adds("step")


def test_verify_agrees_or_exits_with_1(problem: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["verify", problem]) == 0
    assert "ok, 3 outputs agree with PyTorch" in capsys.readouterr().out

    def disagree(self: Any) -> None:
        raise ValueError("step/reward must agree with its test vectors within 1e-5, got a relative error of 0.5")

    monkeypatch.setattr("mbrl_fast.problem.Problem.verify", disagree)
    assert main(["verify", problem]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "got a relative error of 0.5" in captured.err


def test_what_the_user_got_wrong_is_told_in_one_sentence(
    run_folder: Path, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged.safetensors"
    data = bytearray(Path(problem).read_bytes())
    data[-3] ^= 255
    damaged.write_bytes(data)
    assert "no run folder at nowhere: make one with `mbrl-fast train" in refused(capsys, "evaluate", "nowhere")
    assert "is not a run folder: it has no config.json" in refused(capsys, "evaluate", str(tmp_path))
    assert "exists: choose another --out, or pass --overwrite" in refused(capsys, "train", "--out", str(run_folder))
    assert "episodes must be >= 1, got 0" in refused(capsys, "evaluate", str(run_folder), "--episodes", "0")
    assert "members must be >= 1, got members=0" in refused(capsys, "train", "--out", "unused", "--members", "0")
    assert "rounds must be >= 0, got rounds=-1" in refused(capsys, "train", "--out", "unused", "--rounds", "-1")
    assert "model must be one of network, physics, got 'magic'" in refused(capsys, "train", "--out", "unused", "--model", "magic")
    sentence = refused(capsys, "train", "--out", "unused", "--task", "flying")
    assert "task must be one of cartpole, " in sentence
    assert "or \"module:Class\" of your own, got 'flying'" in sentence
    assert "no Problem file at nothing.safetensors" in refused(capsys, "verify", "nothing.safetensors")
    for command in ("inspect", "verify"):
        assert f"{damaged}: " in refused(capsys, command, str(damaged))
    assert "state must have shape [6], got [2]" in refused(capsys, "plan", problem, "--state", "0", "0", "--goal", *GOAL)
    assert "input 'goal' is missing" in refused(capsys, "plan", problem, "--state", *START)
    assert "input goal must have 6 numbers, got 1" in refused(capsys, "plan", problem, "--state", *START, "--goal", "1")
    sentence = refused(capsys, "plan", problem, "--state", *START, "--input", "goal:1,2")
    assert "--input must look like name=1,2,3, got 'goal:1,2'" in sentence


@pytest.mark.parametrize(
    ("missing", "words", "hint"),
    [
        ("tyro", ["--help"], 'pip install "mbrl-fast[cli]"'),
        ("torch", ["train", "--out", "unused"], 'pip install "mbrl-fast[train,envs]"'),
        ("highway_env", ["train", "--out", "unused"], 'pip install "mbrl-fast[train,envs]"'),
    ],
)
def test_what_is_not_installed_is_named_with_the_command_that_installs_it(
    missing: str, words: list[str], hint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)
    sentence = refused(capsys, *words)
    assert missing in sentence
    assert hint in sentence
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_training_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("highway_env")

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mbrl_fast.data.collect", interrupt)
    assert main(["train", "--out", str(tmp_path / "run")]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_bug_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("mbrl_fast.pipeline.build", lambda *_: {}["a bug"])
    with pytest.raises(KeyError, match="a bug"):
        main(["train", "--out", str(tmp_path / "run")])


def test_the_demo_tells_both_contenders_and_leaves_video_and_plots(tmp_path: Path) -> None:
    for module in ("torch", "highway_env", "imageio_ffmpeg"):
        pytest.importorskip(module)
    from mbrl_fast.demo import NOTEBOOK, OURS, demo
    from mbrl_fast.recipe import Recipe

    recipe = Recipe(transitions=300, members=1, hidden_size=8, epochs=2)
    told: list[str] = []
    demo(tmp_path / "demo", recipe, episodes=1, max_steps=2, notebook_epochs=1)  # the next one replaces it
    results = demo(tmp_path / "demo", recipe, episodes=2, max_steps=2, notebook_epochs=2, say=told.append)
    assert list(results) == [OURS, NOTEBOOK]
    assert [line["first_seed"] for line in results.values()] == [1000, 1000]
    plots = {path.name for path in (tmp_path / "demo" / "plots").iterdir()}
    assert plots == {"losses.png", "open_loop.png", "fan.png", "episode.png", "episode.mp4"}
    metrics = (tmp_path / "demo" / "metrics.jsonl").read_text()
    assert metrics.count('"event": "evaluate"') == 2
    assert len(told) == 7


def test_the_demo_replaces_no_run_but_a_demos(run_folder: Path) -> None:
    from mbrl_fast.demo import demo
    from mbrl_fast.recipe import Recipe

    with pytest.raises(FileExistsError, match="exists: choose another --out"):
        demo(run_folder, Recipe())
