"""Tables for people: contenders side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def comparison(results: Mapping[str, Mapping[str, Any]], title: str = "") -> Table:
    """Make a rich table of evaluations side by side, one column each.

    Args:
        results: contender → `EvaluationResult.to_dict()`.
        title: above the table.
    """
    try:
        from rich.table import Table
    except ImportError:
        raise ImportError('tables need rich: pip install "mbrl-fast[cli]"') from None
    table = Table(title=title or None, title_justify="left")
    table.add_column("")
    for name in results:
        table.add_column(name, justify="right")
    for label, cell in ROWS.items():
        cells = [cell(line) for line in results.values()]
        if any(cells):  # no row for what no contender's task knows of
            table.add_row(label, *cells)
    return table


def _rate(name: str, when: Callable[[Mapping[str, Any]], bool] = lambda line: True) -> Any:
    def cell(line: Mapping[str, Any]) -> str:
        if f"{name}_rate" not in line or not when(line):
            return ""
        low, high = line[f"{name}_interval"]
        return f"{line[f'{name}_count']}/{line['episodes']}  {line[f'{name}_rate']:.0%} [{low:.0%}–{high:.0%}]"

    return cell


def _number(name: str, form: str) -> Any:
    def cell(line: Mapping[str, Any]) -> str:
        if name not in line:
            return ""
        return "–" if line[name] is None else format(line[name], form)

    return cell


ROWS = {
    "success (env's rule)": _rate("success", lambda line: "strict_rate" in line),
    "success": _rate("success", lambda line: "strict_rate" not in line),
    "strict success (stopped)": _rate("strict"),
    "crashes": _rate("crash"),
    "steps to success, mean": _number("mean_steps", ".1f"),
    "steps to strict, mean": _number("mean_steps_strict", ".1f"),
    "return, mean": _number("mean_return", ".1f"),
    "plan ms, median": _number("plan_ms_median", ".2f"),
    "plan ms, p99": _number("plan_ms_p99", ".2f"),
}
