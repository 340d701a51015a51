"""The recipe for a planner in CONTRIBUTING.md names exactly the places where each planner's name occurs."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from mbrl_fast.planners import REGISTRY, SamplingPlanner

ROOT = Path(__file__).parents[2]
RECIPE = (ROOT / "CONTRIBUTING.md").read_text().partition("**A planner**")[2].partition("\n\n**")[0]
KEEPER = "tests/planners/test_recipe.py"
PLACES = [path for path in re.findall(r"`([\w/]+\.\w+)`", RECIPE) if path != KEEPER]
OF_SAMPLERS = {"tests/reference/test_twins.py"}
IN_API = ("cpp/api/mbrl_fast.cpp", "cpp/api/mbrl_fast.hpp", "cpp/api/settings.hpp", "cpp/controller/")
IN_PYTHON = (
    "commands/",
    "demo.py",
    "pipeline.py",
    "hub.py",
    "online/settings.py",
    "planners/collocation.py",
    "planners/icem.py",
    "reference/icem.py",
)
BUILT_ON = {
    "cem": (*IN_API, "cpp/planners/icem.hpp", "cpp/planners/icem.cpp", *(f"python/mbrl_fast/{path}" for path in IN_PYTHON)),
    "ilqr": ("python/mbrl_fast/pipeline.py", "python/mbrl_fast/planners/plan.py"),
}
"""What is made of a planner, or speaks of it, and would of none other."""
RECOMMENDING = "python/mbrl_fast/tasks/"
"""A task may say which planner suits it."""


def places(name: str) -> set[str]:
    """What the recipe says of this planner."""
    samples = issubclass(REGISTRY[name], SamplingPlanner)
    return {re.sub(r"\bx\.|_x\.", lambda m: m[0].replace("x", name), path) for path in PLACES if samples or path not in OF_SAMPLERS}


@cache
def words(path: Path) -> str:
    """The code of a file, without what it says about itself; of a page all of it."""
    text = path.read_text()
    if path.suffix in (".hpp", ".cpp"):
        return re.sub(r"//.*", "", text)
    if path.suffix != ".py":
        return text
    nodes = list(ast.walk(ast.parse(text)))
    docs = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    found = []
    for node in nodes:
        if isinstance(node, ast.Constant):
            found.append(node.value if isinstance(node.value, str) and id(node) not in docs else "")
        found.extend(str(getattr(node, part)) for part in ("id", "name", "attr", "module") if hasattr(node, part))
    return "\n".join(found)


def names(name: str, path: Path) -> bool:
    """Whether a file names this planner: by its name, its class or its settings."""
    kind = REGISTRY[name].__name__
    spelt = name.replace("_", "[_ ]")
    return re.search(rf"\b({spelt}|{kind}|{kind}Settings)\b", words(path)) is not None


def sources() -> list[Path]:
    """The code of the package."""
    return [
        path
        for room in ("cpp", "python")
        for path in sorted((ROOT / room).rglob("*"))
        if path.suffix in (".hpp", ".cpp", ".py", ".pyi")
    ]


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_a_planner_is_named_in_every_place_of_the_recipe(name: str) -> None:
    for place in places(name):
        assert (ROOT / place).is_file(), place
        assert names(name, ROOT / place) or place.startswith(("docs/", "ARCHITECTURE")), place
        if place.endswith(".md"):
            assert re.search(name.replace("_", "[_ ]"), words(ROOT / place), re.IGNORECASE), place


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_no_other_code_names_it(name: str) -> None:
    allowed = (*places(name), *BUILT_ON.get(name, ()), RECOMMENDING)
    for path in sources():
        place = path.relative_to(ROOT).as_posix()
        assert place.startswith(allowed) or not names(name, path), place


def test_the_recipe_counts_its_places() -> None:
    own = [path for path in PLACES if re.search(r"\bx\.|_x\.", path)]
    assert len(set(PLACES)) == len(PLACES)
    assert f"{len(own)} files of its own and a line or a block in {len(PLACES) - len(own)} more" in RECIPE
    assert {name: len(places(name)) for name in ("icem", "mppi", "ilqr")} == {"icem": 15, "mppi": 15, "ilqr": 14}
