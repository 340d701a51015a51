"""What the pages under docs/ show works: their code runs, their names exist, what they say is printed is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

import mbrl_fast as mf

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "notebook_to_library.md").read_text(encoding="utf-8")
QUICKER = {
    "transitions=2000": "transitions=120",
    "epochs=500": "epochs=3",
    "max_steps=100": "max_steps=3",
    "episodes=5": "episodes=2",
}


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_the_notebook_retold_by_the_library_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = blocks(PAGE, "python")[0]
    for slow, quick in QUICKER.items():
        assert slow in source
        source = source.replace(slow, quick)
    known: dict[str, Any] = {}
    exec(source, known)
    plt.close("all")
    assert mf.load(tmp_path / "parking.safetensors").verify()
    assert len(known["result"].episodes) == 2


def test_the_wrong_planner_is_told_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    exec(blocks(PAGE, "python")[1], {})
    assert capsys.readouterr().out == blocks(PAGE, "text")[0]


def test_the_names_that_the_page_shows_exist() -> None:
    names = set(re.findall(r"\bmf\.([A-Za-z_.]*\w)", PAGE))
    assert len(names) > 15
    for dotted in names:
        found: Any = mf
        for name in dotted.split("."):
            assert hasattr(found, name), f"the page names mf.{dotted}"
            found = getattr(found, name)


def test_the_parts_of_pets_are_called_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {}
    for source in blocks((DOCS / "pets.md").read_text(encoding="utf-8"), "python"):
        exec(source.replace("epochs=60", "epochs=5"), known)
    plt.close("all")
    assert known["plan"].particle_returns.shape == (20,)
    assert known["plan"].between > 0.0
    assert (known["worst_fifth"] <= known["each"].mean(1)).all()
    assert len(known["learnt"].returns) == 2
    assert mf.load(tmp_path / "runs" / "pets" / "problem.safetensors").members == 2


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_the_pictures_of_a_page_are_there(page: str) -> None:
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (DOCS / page).read_text(encoding="utf-8")):
        assert (DOCS / picture).is_file(), picture
