"""The planner of examples/own_planner.py works as its text says."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench import own_planner

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported


@pytest.fixture(scope="module")
def own() -> Any:
    return own_planner.example().OwnPlanner


def test_it_is_fifteen_lines(own: Any) -> None:
    tree = ast.parse(own_planner.EXAMPLE.read_text())
    (planner,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    lines = {line for node in ast.walk(planner) if isinstance(node, ast.stmt) for line in (node.lineno,)}
    text = {line for node in planner.body if isinstance(node, ast.Expr) for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    assert len(lines - text) <= 15


def test_it_plans_as_well_as_the_built_in_planner(own: Any, small: Exported) -> None:
    actions = own(small.problem).plan(STATE, goal=GOAL)
    assert actions.shape == (5, 2)
    assert actions.dtype == np.float32
    assert (actions >= small.problem.action_low).all()
    assert (actions <= small.problem.action_high).all()
    built_in = mf.CEM.notebook(small.problem, population=1000, elites=100).plan(STATE, goal=GOAL)
    value = small.problem.rollout(STATE, actions[None], steps_per_knot=5, goal=GOAL)[0]
    assert value > built_in.value - 0.05 * abs(built_in.value)


def test_leaving_the_hopeless_unfinished_changes_nothing(own: Any, small: Exported) -> None:
    plans = [own(small.problem, keep=keep).plan(STATE, goal=GOAL) for keep in (0, 100)]
    np.testing.assert_array_equal(plans[0], plans[1])


def test_the_file_runs_as_its_text_says(small: Exported, tmp_path: Path) -> None:
    path = small.problem.save(tmp_path / "problem.safetensors")
    done = subprocess.run([sys.executable, str(own_planner.EXAMPLE), str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.count("[") == 6


def test_the_comparison_runs() -> None:
    result = own_planner.main(["--rounds", "1", "--populations", "64"])
    assert [(row["population"], row["prune"]) for row in result["rows"]] == [(64, False), (64, True)]
    assert all(row["own_ms"] > 0 and row["built_in_ms"] > 0 for row in result["rows"])
