"""`mbrl-fast pets`: what it prints, what it leaves, and its sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mbrl_fast.cli import main
from mbrl_fast.online import folder
from mbrl_fast.run import open_run
from mbrl_fast.tasks import TASKS

pytest.importorskip("tyro")

SMALL = [
    "--task", "pendulum", "--trials", "2", "--max-steps", "12", "--members", "2", "--hidden-sizes", "8", "8", "--epochs", "2",
    "--particles", "4", "--planner", "cem", "--horizon", "5", "--population", "20", "--iterations", "1",
]  # fmt: skip


def test_a_run_is_told_line_by_line_and_can_be_evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "pets")
    assert main(["pets", "--out", out, *SMALL]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{out}: now try  mbrl-fast evaluate {out}\n"
    told = [line for line in captured.err.splitlines() if line.startswith("── ")]
    assert told[0] == "── exploring 1 episode(s) of pendulum at random (seed 0)"
    assert [line.split(":")[0] for line in told[1:]] == ["── trial 1 of 2", "── trial 2 of 2"]
    assert main(["evaluate", out, "--episodes", "2", "--max-steps", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["episodes"] == 2
    config = open_run(out).read_config()
    assert config["recipe"]["hidden_sizes"] == [8, 8]
    assert (config["planner"]["name"], config["planner"]["particles"], config["planner"]["horizon"]) == ("cem", 4, 5)


def test_a_run_goes_on_when_asked_and_only_with_the_same_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "pets")
    assert main(["pets", "--out", out, *SMALL, "--trials", "1"]) == 0
    assert main(["pets", "--out", out, *SMALL]) == 2
    assert "exists: pass --resume to go on" in capsys.readouterr().err
    assert main(["pets", "--out", out, *SMALL, "--resume"]) == 0
    assert "going on after trial 1, with 24 real steps" in capsys.readouterr().err
    assert main(["pets", "--out", out, *SMALL, "--resume", "--epochs", "3"]) == 2
    assert "was made with epochs=2, got epochs=3" in capsys.readouterr().err
    assert [line["trial"] for line in open_run(out).read_metrics()] == [0, 1, 2]


def test_an_interrupt_keeps_what_ended_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(folder, "next_trial", interrupted)
        assert main(["pets", "--out", str(tmp_path / "run"), *SMALL]) == 130
    told = capsys.readouterr().err.splitlines()
    assert f"all trials that ended are kept in {tmp_path / 'run'}; go on with --resume" in told[-2]
    assert told[-1] == "mbrl-fast: interrupted; nothing was left half written"
    assert main(["pets", "--out", str(tmp_path / "run"), *SMALL, "--resume"]) == 0
    assert "going on after trial 0, with 12 real steps" in capsys.readouterr().err


def test_several_seeds_are_runs_of_their_own_and_one_curve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "five"
    assert main(["pets", "--out", str(out), *SMALL, "--trials", "1", "--seeds", "4", "6"]) == 0
    assert "2 runs; the curve of all is in" in capsys.readouterr().out
    assert [open_run(out / f"seed{seed}").read_config()["recipe"]["seed"] for seed in (4, 6)] == [4, 6]
    assert (out / "learning_curve.png").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--task", "pendulun"], "mbrl-fast: task must be one of"),
        (["--planner", "sac"], "mbrl-fast: planner must be one of"),
        (["--particles", "3", "--members", "2"], "mbrl-fast: particles must be a multiple of the networks that plan"),
        (["--tracker", "no_such_tracker"], "mbrl-fast: tracking with no_such_tracker needs the package"),
    ],
)
def test_what_cannot_be_is_a_sentence(words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pets", "--out", str(tmp_path / "run"), *SMALL, *words]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(sentence)


def test_help_teaches_and_names_every_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pets", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "\n  mbrl-fast pets --task pendulum" in shown
    words = set(shown.replace(",", " ").replace("│", " ").split())
    assert set(TASKS) <= words
