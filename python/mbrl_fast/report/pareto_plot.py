"""What planning time buys: success or return against milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from mbrl_fast.evaluation import EvaluationResult
from mbrl_fast.report.canvas import COLORS, GREY, axes_or_new, logarithmic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Result = EvaluationResult | Mapping[str, Any]
MARKERS = "os^vD*"


def pareto(results: Mapping[str, Result | Sequence[Result]], quantity: str | None = None, axes: Axes | None = None) -> Axes:
    """Draw how well planners do against how long a plan takes them; a grey line joins those that no other beats in both.

    Args:
        results: name → what `evaluate` gave, or its `to_dict()` (a line of metrics.jsonl); or several of them, a planner's in
            different sizes, which are joined. A mapping of one's own has `plan_ms_median` and, for a rate, `<quantity>_rate`
            and `<quantity>_interval`, or `mean_return`.
        quantity: "strict", "success" or "crash", a rate with its interval, or "return"; by default the first that all have of
            strict, success and return.
        axes: to draw on; a new figure's by default.
    """
    lines = {name: _lines(given) for name, given in results.items()}
    every = [line for group in lines.values() for line in group]
    if not every:
        raise ValueError("results must have at least one evaluation, got none")
    quantity = quantity or next((q for q in ("strict", "success") if all(f"{q}_rate" in line for line in every)), "return")
    axes = axes_or_new(axes)
    points = [_draw(axes, name, group, quantity, number) for number, (name, group) in enumerate(lines.items())]
    axes.plot(*_front(np.concatenate(points), lower_is_better=quantity == "crash").T, color=GREY, linewidth=1, zorder=0)
    logarithmic(axes)
    axes.set_xlabel("milliseconds of a plan, median")
    axes.set_ylabel("return, mean" if quantity == "return" else f"{quantity} rate, 95 % interval")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return axes


def _lines(given: Result | Sequence[Result]) -> list[Mapping[str, Any]]:
    group = [given] if isinstance(given, EvaluationResult | Mapping) else list(given)
    return [each.to_dict() if isinstance(each, EvaluationResult) else each for each in group]


def _draw(axes: Axes, name: str, group: list[Mapping[str, Any]], quantity: str, number: int) -> Any:
    """Draw one planner. Returns its points [n, 2], fastest first."""
    key = "mean_return" if quantity == "return" else f"{quantity}_rate"
    for line in group:
        for needed in ("plan_ms_median", key):
            if line.get(needed) is None:
                raise ValueError(f"{name} cannot be drawn: its evaluation has no {needed}")
    group = sorted(group, key=lambda line: float(line["plan_ms_median"]))
    points = np.array([[line["plan_ms_median"], line[key]] for line in group], np.float64)
    bounds = np.array([line.get(f"{quantity}_interval", (line[key], line[key])) for line in group], np.float64)
    color, marker = COLORS[number % len(COLORS)], MARKERS[number // len(COLORS) % len(MARKERS)]
    spread = np.abs(bounds - points[:, 1:]).T
    axes.errorbar(points[:, 0], points[:, 1], yerr=spread, label=name, color=color, marker=marker, linewidth=1.2, capsize=3)
    return points


def _front(points: Any, lower_is_better: bool) -> Any:
    """Corners of the stairs that join the points of which no other is both as fast and better, [k, 2]."""
    points = points[np.lexsort((points[:, 1] if lower_is_better else -points[:, 1], points[:, 0]))]
    value = -points[:, 1] if lower_is_better else points[:, 1]
    best = points[value > np.concatenate([[-np.inf], np.maximum.accumulate(value)[:-1]])]
    corners = [best[0]]
    for before, after in pairwise(best):
        corners += [np.array([after[0], before[1]]), after]
    return np.array(corners)
