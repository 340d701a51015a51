"""Where numbers go: a file always, TensorBoard and trackers when asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mbrl_fast.metrics import JSONLines, TensorBoard, Tracker, keep_lines, numbers, plain

RECORD = {"return": -12.5, "success": True, "evaluation_returns": [1.0, 2.0], "name": "x", "value": float("nan"), "flags": []}


def test_json_lines_are_valid_json_whatever_the_numbers(tmp_path: Path) -> None:
    writer = JSONLines(tmp_path / "m.jsonl")
    writer.write("trial", RECORD, 200)
    writer.write("trial", {"values": [1.0, float("inf")]}, 400)
    writer.close()
    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert lines[0] == {"event": "trial", "step": 200, **RECORD, "value": None}
    assert lines[1] == {"event": "trial", "step": 400, "values": [1.0, None]}


def test_numbers_are_what_can_be_drawn() -> None:
    assert numbers(RECORD) == {"return": -12.5, "success": 1.0, "evaluation_returns": 1.5}
    assert plain({"a": (1.0, float("-inf"))}) == {"a": [1.0, None]}


def test_lines_that_the_checkpoint_does_not_know_of_go_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    writer = JSONLines(path)
    for trial in (0, 1, 2, 3):
        writer.write("trial", {"trial": trial, "return": 1.0}, trial)
    with path.open("a") as file:
        file.write('{"event": "evaluate", "mean": 2}\n{"event": "tri')
    keep_lines(path, [{"event": "trial", "step": trial, "trial": trial, "return": 1.0} for trial in (0, 1)])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line.get("trial") for line in lines] == [0, 1, None]
    assert [path.name for path in tmp_path.iterdir()] == ["m.jsonl"]
    keep_lines(tmp_path / "new.jsonl", [])
    assert (tmp_path / "new.jsonl").read_text() == ""


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Name → (step, value) as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_shows_scalars_and_forgets_what_a_killed_run_wrote_after_its_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    killed = TensorBoard(tmp_path)
    for step in (100, 200, 300):
        killed.write("trial", {"return": -float(step), "name": "x"}, step)
    killed.close()
    resumed = TensorBoard(tmp_path, first_step=201)
    resumed.write("trial", {"return": -301.0}, 300)
    resumed.close()
    assert scalars(tmp_path) == {"trial/return": [(100, -100.0), (200, -200.0), (300, -301.0)]}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A module shaped like W&B; what was called with what."""
    calls: list[Any] = []
    module = ModuleType("fake_tracker")
    for name in ("init", "log", "finish"):
        setattr(module, name, lambda *args, _name=name, **options: calls.append((_name, args, options)))
    monkeypatch.setitem(sys.modules, "fake_tracker", module)
    return calls


def test_any_module_with_init_log_and_finish_is_a_tracker(fake: list[Any]) -> None:
    tracker = Tracker("fake_tracker", "mbrl-fast-pendulum", "run", {"seed": 3})
    tracker.write("trial", RECORD, 200)
    tracker.close()
    assert fake == [
        ("init", (), {"project": "mbrl-fast-pendulum", "name": "run", "config": {"seed": 3}}),
        ("log", ({"trial/return": -12.5, "trial/success": 1.0, "trial/evaluation_returns": 1.5},), {"step": 200}),
        ("finish", (), {}),
    ]


def test_a_tracker_is_told_that_a_run_goes_on(fake: list[Any]) -> None:
    Tracker("fake_tracker", "p", "r", {}, resume=True)
    assert fake[0][2]["resume"] == "allow"


def test_a_package_that_is_missing_or_no_tracker_gives_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ImportError, match="tracking with wandbb needs the package: pip install wandbb"):
        Tracker("wandbb", "p", "r", {})
    with pytest.raises(ValueError, match="a tracker needs init, log and finish, json has no init"):
        Tracker("json", "p", "r", {})
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r'TensorBoard files need tensorboard: pip install "mbrl-fast\[track\]"'):
        TensorBoard(tmp_path)


def test_nothing_is_imported_unasked() -> None:
    script = "import sys, mbrl_fast.metrics; sys.exit(any(name in sys.modules for name in ('torch', 'tensorboard', 'wandb')))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
