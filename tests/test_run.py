"""The run folder is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from mbrl_fast.run import Run, new_run, open_run


def fill(run: Run, text: str = "") -> None:
    run.write_config({"recipe": {"task": "parking"}, "planner": {"horizon": 3}, "text": text})
    run.problem.write_bytes(b"")


def interrupted(folder: Path) -> None:
    with new_run(folder, overwrite=True) as run:
        fill(run, "interrupted")
        raise KeyboardInterrupt


def test_a_run_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    with new_run(folder) as run:
        fill(run)
        assert not folder.exists()
    assert open_run(folder).read_choices() == ("parking", {"horizon": 3})
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_replaced_only_when_asked_and_only_by_a_complete_one(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with new_run(folder) as run:
        fill(run, "old")
    with pytest.raises(FileExistsError, match="exists: choose another --out, or pass --overwrite"), new_run(folder):
        pass
    with pytest.raises(KeyboardInterrupt):
        interrupted(folder)
    assert open_run(folder).read_config()["text"] == "old"
    with new_run(folder, overwrite=True) as run:
        fill(run, "new")
    assert open_run(folder).read_config()["text"] == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_that_is_no_run_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="is not a run folder: it will not be replaced"), new_run(tmp_path, overwrite=True):
        pass
    assert (tmp_path / "thesis.tex").exists()


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with new_run(tmp_path / "run") as run:
        fill(run)
    assert open_run(tmp_path / "run").problem.exists()


def test_opening_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no run folder at .*nowhere: make one with `mbrl-fast train"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"is not a run folder: it has no config\.json"):
        open_run(tmp_path)


def test_config_that_is_damaged_is_refused_with_a_sentence(tmp_path: Path) -> None:
    run = Run(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json is not JSON"):
        run.read_config()
    run.write_config({})
    with pytest.raises(ValueError, match="names no task or no planner: 'recipe'"):
        run.read_choices()


def test_metrics_are_one_json_object_a_line(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.read_metrics() == []
    run.log("epoch", loss=0.5)
    run.log("done")
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 2
    assert run.read_metrics() == [{"event": "epoch", "loss": 0.5}, {"event": "done"}]
