"""`mbrl-fast replay`: the table, the picture, the exit codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported
from mbrl_fast import tensors
from mbrl_fast.cli import main

pytest.importorskip("tyro")
pytest.importorskip("matplotlib")


@pytest.fixture
def decision(small: Exported, tmp_path: Path) -> Path:
    """The file of a decision that was cut off."""
    planner = mf.CEM(small.problem, population=60, seed=1)
    planner.plan(STATE, goal=GOAL)
    planner.plan(STATE, goal=GOAL, max_tiles=3, delay=0.3)
    planner.snapshot(tmp_path / "decision.snapshot")
    return tmp_path / "decision.snapshot"


def test_a_decision_repeats_and_is_drawn(decision: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(decision)]) == 0
    shown = capsys.readouterr()
    assert "every bit is equal" in shown.out
    assert "deadline" in shown.out
    assert "drawn in" in shown.err
    picture = decision.with_suffix(".png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10000


def test_the_picture_goes_where_it_is_asked_for(decision: Path, tmp_path: Path) -> None:
    assert main(["replay", str(decision), "--out", str(tmp_path / "other.png")]) == 0
    assert (tmp_path / "other.png").exists()
    assert not decision.with_suffix(".png").exists()
    assert main(["replay", str(decision), "--no-picture"]) == 0
    assert not decision.with_suffix(".png").exists()


def test_another_decision_fails_the_check(decision: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays, metadata = tensors.unpack(decision.read_bytes())
    arrays["plan/actions"] += np.float32(0.01)
    decision.write_bytes(tensors.pack(arrays, metadata))
    assert main(["replay", str(decision), "--no-picture"]) == 1
    shown = capsys.readouterr()
    assert "NOT the same decision" in shown.out
    assert "the decision does not repeat" in shown.err


def test_a_file_that_is_no_snapshot_is_told_so(small: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small.problem.save(tmp_path / "problem.safetensors")
    assert main(["replay", str(tmp_path / "problem.safetensors")]) == 2
    assert "format and version must be mbrl_fast_snapshot 1" in capsys.readouterr().err
