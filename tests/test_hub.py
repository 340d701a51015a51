"""The hub's layout: what is written, that it comes back, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported
from mbrl_fast.tasks import Parking


def header(folder: Path) -> dict[str, Any]:
    """The card's metadata, as the hub reads them."""
    found: dict[str, Any] = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    return found


def test_a_problem_comes_back_as_it_was(ensemble: Exported, tmp_path: Path) -> None:
    folder = mf.hub.save(ensemble.problem, tmp_path / "new" / "parking", task=Parking(), metrics={"success": np.float32(0.5)})
    assert sorted(part.name for part in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert mf.hub.load(folder).bytes == ensemble.problem.bytes == mf.load(folder / "model.safetensors").bytes
    config = json.loads((folder / "config.json").read_text())
    assert config["library_name"] == "mbrl_fast"
    assert (config["task"], config["members"], config["inputs"]) == ("parking", 3, {"goal": [6]})
    assert config["metrics"] == {"success": 0.5}


def test_the_card_has_the_metadata_that_the_hub_reads(small: Exported, tmp_path: Path) -> None:
    folder = mf.hub.save(small.problem, tmp_path, task="on/off: #1", metrics={"success": 0.75, "strict success": 1})
    card = header(folder)
    assert card["library_name"] == "mbrl_fast"
    assert {"reinforcement-learning", "on/off: #1"} <= set(card["tags"])
    (model,) = card["model-index"]
    (result,) = model["results"]
    assert result["dataset"] == {"type": "on/off: #1", "name": "on/off: #1"}
    assert [(metric["name"], metric["value"]) for metric in result["metrics"]] == [("success", 0.75), ("strict success", 1.0)]
    assert "| strict success | 1 |" in (folder / "README.md").read_text()


def test_the_cards_code_runs(small: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (mf.hub.save(small.problem, tmp_path) / "README.md").read_text()
    assert "model-index" not in header(tmp_path)
    assert "Measured" not in text
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    known: dict[str, Any] = {"state": STATE, "goal": GOAL}
    exec(found.group(1).replace("FOLDER", str(tmp_path)).replace("goal=...", "goal=goal"), known)
    assert known["plan"].status == "ok"


def test_files_are_replaced_only_when_asked_and_others_stay(small: Exported, ensemble: Exported, tmp_path: Path) -> None:
    (tmp_path / ".gitattributes").write_text("*.safetensors filter=lfs\n")
    mf.hub.save(small.problem, tmp_path)
    with pytest.raises(FileExistsError, match=r"model\.safetensors exists: choose another folder, or overwrite=True"):
        mf.hub.save(ensemble.problem, tmp_path)
    assert mf.hub.load(tmp_path).bytes == small.problem.bytes
    mf.hub.save(ensemble.problem, tmp_path, overwrite=True)
    assert mf.hub.load(tmp_path).bytes == ensemble.problem.bytes
    assert (tmp_path / ".gitattributes").is_file()


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"metrics": {"success": float("nan")}, "task": "x"}, ValueError, r"^metric success must be finite, got nan$"),
        ({"metrics": {"success": "high"}, "task": "x"}, TypeError, r"^metric success must be a number, got 'high'$"),
        ({"metrics": {"success": 1.0}}, ValueError, r"^metrics need the task that they were measured on, got success and no task$"),
    ],
)
def test_bad_metrics_are_refused_before_anything_is_written(
    options: dict[str, Any], error: type[Exception], sentence: str, small: Exported, tmp_path: Path
) -> None:
    with pytest.raises(error, match=sentence):
        mf.hub.save(small.problem, tmp_path / "x", **options)
    assert not (tmp_path / "x").exists()


def test_other_folders_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^cannot read .*model\.safetensors: No such file or directory$"):
        mf.hub.load(tmp_path)
    for text, sentence in (
        ('{"library_name": "transformers"}', r"library_name must be mbrl_fast, got 'transformers'$"),
        ("[]", r"must hold a JSON object, got list$"),
        ("{", r"is not JSON: "),
    ):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(ValueError, match=sentence):
            mf.hub.load(tmp_path)
