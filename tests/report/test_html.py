"""The report: one file, balanced, escaped, with everything inside; a browser opens it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from page import Page, read_page
from records import pendulum_episode

from conftest import Exported
from mbrl_fast.evaluation import EvaluationResult
from mbrl_fast.report import html
from mbrl_fast.report.fan import Fan
from mbrl_fast.report.html import write_report
from mbrl_fast.run import Run
from mbrl_fast.tasks import Pendulum

pytest.importorskip("matplotlib")

STRANGE = "<script>alert('&')</script>"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run folder with a film, a strange command and two evaluations, of which one is a contender's."""
    run = Run(tmp_path / "first & last")
    run.folder.mkdir()
    run.write_config({"command": ["mbrl-fast", STRANGE], "recipe": {"task": "pendulum", "seed": 7}, "planner": {"horizon": 5}})
    (run.plots / "episode.mp4").write_bytes(b"a film")
    for contender in ({"contender": STRANGE}, {}):
        run.log("evaluate", **contender, **EvaluationResult((pendulum_episode(),)).to_dict())
    return run


@pytest.fixture
def result() -> EvaluationResult:
    return EvaluationResult((pendulum_episode(3), pendulum_episode(4, wrong_at=2), pendulum_episode(5, success=False)))


def read_report(path: Path) -> Page:
    return read_page(path.read_text(encoding="utf-8"))


def test_a_report_has_all_its_parts_inside_and_is_escaped(run: Run, small: Exported, result: EvaluationResult) -> None:
    path = write_report(run, Pendulum(), small.problem, result)
    assert path == run.folder / "report.html"
    page = read_report(path)
    assert page.titles == ["Outcome", "Films", "Worst episodes", "Time of a plan", "What is planned on", "Configuration"]
    kinds = [kind for kind, _ in page.inside]
    assert kinds == ["image/png", "video/mp4", "image/png", "image/png", "image/png", "image/png"]  # pareto, film, 3 worst, times
    assert page.rows["command"] == [f"mbrl-fast {STRANGE}"]
    assert page.rows["recipe.seed"] == ["7"]
    assert page.rows["95 % intervals"] == [f"{STRANGE}, seeds 3–3", "seeds 3–3"]
    assert page.rows["success"] == ["1/1  100% [21%–100%]"] * 2
    assert page.words.index("Seed 5:") < page.words.index("Seed 3:")
    assert "First bad step: step 2 (0.1 s), velocity [rad/s] became 2.3 where the model said 7.3." in page.words
    assert list(run.folder.glob("*.part")) == []


def test_without_fresh_episodes_it_tells_what_the_folder_knows(run: Run, small: Exported, tmp_path: Path) -> None:
    run.log("trial", step=10, trial=1, **{"return": -5.0})
    run.log("trial", step=20, trial=2, **{"return": -1.0})
    page = read_report(write_report(run, Pendulum(), small.problem, path=tmp_path / "other.html"))
    assert page.titles == ["Outcome", "Films", "Training", "What is planned on", "Configuration"]


def test_of_parking_there_is_the_fan(run: Run, small: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    states = np.zeros((6, 3, 6), np.float32)
    fan = Fan([str(i) for i in range(6)], states, states)
    monkeypatch.setattr(html.plot, "measure_fan", lambda problem, task: fan)
    task: Any = SimpleNamespace(name="parking", dt=0.2)
    assert "What the model predicts" in read_report(write_report(run, task, small.problem)).titles


def test_an_evaluation_that_was_repeated_is_shown_once_and_only_the_latest_are(run: Run, small: Exported) -> None:
    for seed in (20, 20, 21, 22, 23):
        run.log("evaluate", **EvaluationResult((pendulum_episode(seed),)).to_dict())
    page = read_report(write_report(run, Pendulum(), small.problem))
    assert page.rows["95 % intervals"] == [f"seeds {seed}–{seed}" for seed in (20, 21, 22, 23)]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_browser_opens_it_and_all_pictures_are_sound(run: Run, small: Exported, result: EvaluationResult, tmp_path: Path) -> None:
    path = write_report(run, Pendulum(), small.problem, result)
    check = "<script>document.title = [...document.images].map(image => image.naturalWidth).join()</script>"
    checked = tmp_path / "checked.html"
    checked.write_text(path.read_text(encoding="utf-8").replace("</body>", f"{check}</body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    shown = subprocess.run([BROWSER, *options, checked.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    found = re.search("<title>([0-9,]+)</title>", shown.stdout)
    assert found is not None, "the page was not read to its end"
    widths = [int(width) for width in found[1].split(",")]
    assert len(widths) == 5
    assert min(widths) > 100  # 0 for one that cannot be shown
