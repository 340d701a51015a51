"""One plan, as a table or as a line of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rich.table import Table


def plan_line(plan: Any, milliseconds: float) -> dict[str, Any]:
    """Give the plan as plain lists and numbers, for JSON."""
    return {
        "action": np.asarray(plan.action).tolist(),
        "actions": np.asarray(plan.actions).tolist(),
        "states": np.asarray(plan.states).tolist(),
        "value": float(plan.value),
        "status": str(plan.status),
        "plan_ms": milliseconds,
    }


def plan_table(problem: Any, plan: Any, milliseconds: float) -> Table:
    """Make a rich table: a row for each knot of the plan, with its action and the state in which it begins."""
    from rich import box
    from rich.table import Table

    actions, states = np.asarray(plan.actions), np.asarray(plan.states)
    steps = (len(states) - 1) // len(actions)
    title = f"value {float(plan.value):.4f}, status {plan.status}, {milliseconds:.2f} ms"
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("seconds", *_names(problem, "action"), *_names(problem, "state")):
        table.add_column(column, justify="right", overflow="fold")
    for knot, action in enumerate(actions):
        begins = states[knot * steps]
        table.add_row(f"{knot * steps * problem.dt:.2f}", *(f"{v:.3f}" for v in (*action, *begins)))
    table.add_row(f"{(len(states) - 1) * problem.dt:.2f}", *[""] * actions.shape[1], *(f"{v:.3f}" for v in states[-1]))
    return table


def _names(problem: Any, kind: str) -> list[str]:
    names: list[str] = problem.graph[f"{kind}_names"]
    return names or [f"{kind}[{i}]" for i in range(getattr(problem, f"{kind}_size"))]
