"""One decision and its repetition, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mbrl_fast._core import build_info

if TYPE_CHECKING:
    from rich.table import Table


def replay_table(replay: Any) -> Table:
    """Make a rich table: what was decided then, what is decided now, and by how much they differ."""
    from rich import box
    from rich.table import Table

    words, plan, info = replay.words, replay.plan, build_info()
    verdict = "every bit is equal" if replay.same else "NOT the same decision"
    table = Table(title=verdict, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("", "then", "now"):
        table.add_column(column, justify="left" if column == "" else "right", overflow="fold")
    then = replay.arrays
    rows: dict[str, tuple[Any, Any]] = {
        "action": (_numbers(then["plan/actions"][0]), _numbers(plan.action)),
        "value": (f"{float(then['plan/value'][0]):.6g}", f"{plan.value:.6g}"),
        "status": (words["status"], plan.status),
        "tiles": (words["tiles"], plan.stats.tiles),
        "model steps": (f"{words['model_steps']:,}", f"{plan.stats.model_steps:,}"),
        "instruction set": (words["isa"], info["isa"]),
        "library": (words["library"], info["version"]),
    }
    for name, (before, now) in rows.items():
        table.add_row(name, str(before), str(now))
    for name, difference in replay.differences().items():
        table.add_row(f"difference of {name}", "", "none" if difference == 0 else f"{difference:.3g}")
    table.caption = (
        f"{replay.planner!r}, delay {words['delay']:g} s, deadline {_deadline(words['deadline_ms'])}, stream {words['stream']}"
    )
    return table


def _deadline(milliseconds: float | None) -> str:
    return "none" if milliseconds is None else f"{milliseconds:g} ms"


def _numbers(values: Any) -> str:
    return " ".join(f"{value:.4g}" for value in values)
