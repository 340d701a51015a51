"""Tables say the numbers that they are given."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mbrl_fast.report.inspect_table import multiply_adds
from mbrl_fast.report.plan_table import plan_line, plan_table
from mbrl_fast.report.table import comparison

console = pytest.importorskip("rich.console")


def text_of(table: Any) -> str:
    written = io.StringIO()
    console.Console(width=160, file=written).print(table)
    return written.getvalue()


def a_line(**changes: Any) -> dict[str, Any]:
    line: dict[str, Any] = {"episodes": 10, "mean_steps": 31.25, "mean_steps_strict": None}
    for name in ("success", "strict", "crash"):
        line |= {f"{name}_count": 9, f"{name}_rate": 0.9, f"{name}_interval": [0.6, 0.98]}
    return {**line, "plan_ms_median": 2.345, "plan_ms_p99": 3.456, **changes}


def test_contenders_stand_side_by_side() -> None:
    text = text_of(comparison({"ours": a_line(), "theirs": a_line(plan_ms_median=20.5)}, "a title"))
    assert "a title" in text
    row = next(line for line in text.splitlines() if "plan ms, median" in line)
    assert row.index("2.35" if "2.35" in row else "2.34") < row.index("20.50")
    assert "9/10  90% [60%–98%]" in text
    assert "31.2" in text
    assert "–" in next(line for line in text.splitlines() if "steps to strict" in line)


PLAN = SimpleNamespace(
    action=np.array([0.5], np.float32),
    actions=np.array([[0.5], [-0.25]], np.float32),
    states=np.arange(10, dtype=np.float32).reshape(5, 2),
    value=-1.5,
    status="ok",
)


def test_a_plan_is_a_row_for_each_knot_and_the_end() -> None:
    problem = SimpleNamespace(dt=0.2, graph={"state_names": ["x", "y"], "action_names": []}, action_size=1)
    text = text_of(plan_table(problem, PLAN, 1.0))
    assert "value -1.5000, status ok, 1.00 ms" in text
    assert "action[0]" in text
    cells = [line.split() for line in text.splitlines() if line.strip()[:1].isdigit()]
    assert cells == [
        ["0.00", "0.500", "0.000", "1.000"],
        ["0.40", "-0.250", "4.000", "5.000"],
        ["0.80", "8.000", "9.000"],
    ]


def test_a_plan_as_json_is_plain_lists() -> None:
    line = plan_line(PLAN, 1.0)
    assert line["actions"] == [[0.5], [-0.25]]
    assert line["status"] == "ok"


@pytest.mark.parametrize(
    ("instruction", "count"),
    [
        ({"op": "linear", "in": [[1, 2, 3]], "out": [4, 5]}, 6),
        ({"op": "dot", "in": [[1, 2, 3, 4], [5, 6, 7, 8]], "out": [9, 10]}, 4),
        ({"op": "add", "in": [[1], [2]], "out": [3]}, 0),
    ],
)
def test_multiply_adds_are_counted_per_candidate(instruction: dict[str, Any], count: int) -> None:
    assert multiply_adds(instruction) == count
