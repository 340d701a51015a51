"""The checkpoint: what was learnt comes back whole, or a sentence says why not."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_runs import same_data, small

from mbrl_fast.online import Learnt, checkpoint, explore, next_trial
from mbrl_fast.tasks import Parking, Pendulum

TASK = Pendulum()
SMALL = small(terminal_value=True)


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    return next_trial(SMALL, TASK, explore(SMALL, TASK))[0]


@pytest.fixture
def saved(learnt: Learnt, tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.npz"
    checkpoint.save(path, SMALL, learnt)
    return path


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """Change the words and arrays of a checkpoint."""
    with np.load(path) as file:
        arrays = dict(file)
    words = json.loads(str(arrays.pop("json")))
    change(words, arrays)
    np.savez(path, json=np.array(json.dumps(words)), **arrays)


def test_what_was_learnt_comes_back_bit_for_bit(saved: Path, learnt: Learnt) -> None:
    loaded = checkpoint.load(saved, SMALL, TASK)
    same_data(loaded, learnt)
    assert loaded.trial == learnt.trial
    assert loaded.records == learnt.records
    assert loaded.models is not None
    assert learnt.models is not None
    assert loaded.models.elites == learnt.models.elites
    assert list(loaded.models.parts()) == list(learnt.models.parts()) == ["member/0", "member/1", "value"]
    for part, module in learnt.models.parts().items():
        for name, value in module.state_dict().items():
            assert torch.equal(loaded.models.parts()[part].state_dict()[name], value), name


def test_nothing_but_the_checkpoint_is_left_and_nothing_in_it_is_pickled(saved: Path) -> None:
    assert [path.name for path in saved.parent.iterdir()] == ["checkpoint.npz"]
    with zipfile.ZipFile(saved) as archive:
        assert not any(b"|O" in archive.read(name)[:128] for name in archive.namelist())


def test_after_the_exploration_there_are_no_models_yet(tmp_path: Path) -> None:
    explored = explore(SMALL, TASK)
    checkpoint.save(tmp_path / "c.npz", SMALL, explored)
    assert checkpoint.load(tmp_path / "c.npz", SMALL, TASK).models is None


def test_more_trials_and_other_evaluations_go_on_from_the_same_file(saved: Path) -> None:
    assert checkpoint.load(saved, replace(SMALL, trials=9, eval_every=2), TASK).trial == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"seed": 1}, "was made with seed=0, got seed=1: go on with that, or make another run"),
        ({"epochs": 5}, "was made with epochs=4, got epochs=5"),
        ({"hidden_sizes": (9,)}, r"was made with hidden_sizes=\[8, 8\], got hidden_sizes=\[9\]"),
        ({"planner_settings": {"horizon": 7, "elites": 4}}, "was made with planner_settings=.*horizon"),
    ],
)
def test_other_settings_are_refused_by_name(saved: Path, given: dict[str, Any], sentence: str) -> None:
    before = saved.read_bytes()
    with pytest.raises(ValueError, match=sentence):
        checkpoint.load(saved, replace(SMALL, **given), TASK)
    assert saved.read_bytes() == before


def test_a_task_of_other_sizes_is_refused(saved: Path) -> None:
    with pytest.raises(ValueError, match=r"has states and actions of \(3, 1\) numbers, the task parking has \(6, 2\)"):
        checkpoint.load(saved, SMALL, Parking())


def another_format(words: dict[str, Any], arrays: dict[str, Any]) -> None:
    words["format"] = 99


def no_records(words: dict[str, Any], arrays: dict[str, Any]) -> None:
    del words["records"]


def no_rewards(words: dict[str, Any], arrays: dict[str, Any]) -> None:
    del arrays["transitions/rewards"]


def not_a_number(words: dict[str, Any], arrays: dict[str, Any]) -> None:
    arrays["transitions/states"][5, 1] = np.nan


def another_network(words: dict[str, Any], arrays: dict[str, Any]) -> None:
    arrays["member/1/network.0.weight"] = np.zeros((9, 4), np.float32)


def test_a_setting_that_did_not_exist_yet_was_at_its_default(saved: Path) -> None:
    def older(words: dict[str, Any], arrays: dict[str, Any]) -> None:
        del words["settings"]["symmetries"]

    rewrite(saved, older)
    assert checkpoint.load(saved, SMALL, TASK).trial == 1
    with pytest.raises(ValueError, match="was made with symmetries=False, got symmetries=True"):
        checkpoint.load(saved, replace(SMALL, symmetries=True), TASK)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (another_format, r"has format 99, this version reads 1: it is left as it is"),
        (no_records, "is damaged: it has no records"),
        (no_rewards, "is damaged: it has no transitions/rewards"),
        (not_a_number, "states must be finite, got nan at row 5, column 1"),
        (another_network, "the weights do not fit the networks of the task pendulum .*network.0.weight"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_gives_a_sentence(saved: Path, change: Any, sentence: str) -> None:
    rewrite(saved, change)
    with pytest.raises(ValueError, match=sentence):
        checkpoint.load(saved, SMALL, TASK)


@pytest.mark.parametrize("keep", [0, 1, 100, -100])
def test_a_file_that_is_cut_off_gives_a_sentence(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"checkpoint\.npz is damaged or not a checkpoint"):
        checkpoint.load(saved, SMALL, TASK)


def test_objects_are_not_unpickled(saved: Path) -> None:
    np.savez(saved, json=np.array({"format": 1}, dtype=object))
    with pytest.raises(ValueError, match=r"is damaged or not a checkpoint .*allow_pickle"):
        checkpoint.load(saved, SMALL, TASK)


def test_a_save_that_fails_leaves_the_last_one(saved: Path, learnt: Learnt, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full(file: Any, **arrays: Any) -> None:
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space left"):
        checkpoint.save(saved, SMALL, learnt)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["checkpoint.npz"]
