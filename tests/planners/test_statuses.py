"""The list of statuses in Plan's text is the list of those that planners answer with."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import mbrl_fast as mf

ROOT = Path(__file__).parents[2]


def documented() -> list[str]:
    """In the order of the text."""
    return re.findall(r'^\* ``"(\w+)"``:', inspect.getdoc(mf.Plan) or "", re.MULTILINE)


def of_the_core() -> list[str]:
    """The enumeration of cpp/planners/plan.hpp, and that each of it has its word in the bindings."""
    enumeration = (ROOT / "cpp/planners/plan.hpp").read_text().partition("enum class PlanStatus {")[2].partition("};")[0]
    listed = re.findall(r"^\s*(\w+),", enumeration, re.MULTILINE)
    binding = (ROOT / "cpp/bindings/planners.hpp").read_text()
    assert re.findall(r'case PlanStatus::(\w+):\s*return "(\w+)";', binding) == [(name, name) for name in listed]
    return listed


def of_python(path: Path) -> set[str]:
    """The words that a file of Python assigns to ``status``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            names = [each.id for each in ast.walk(target) if isinstance(each, ast.Name)]
            if "status" in names:
                value = node.value.elts[names.index("status")] if isinstance(node.value, ast.Tuple) else node.value
                taken = (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)
                found |= {each.value for each in taken if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    return found


def test_the_text_of_plan_lists_every_status_that_a_planner_answers_with() -> None:
    core = of_the_core()
    answered = {word for path in (ROOT / "python/mbrl_fast/planners").glob("*.py") for word in of_python(path)}
    assert answered - set(core) == {"not_converged"}
    assert set(documented()) == {*core, "not_converged"}
    assert [word for word in documented() if word in core] == core
    assert len(documented()) == len(set(documented()))
