"""What a notebook shows of a Problem, a Plan or an Episode: a small table and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mbrl_fast.report import markup

if TYPE_CHECKING:
    from mbrl_fast.episode import Episode
    from mbrl_fast.planners.plan import Plan
    from mbrl_fast.problem import Problem


def problem_card(problem: Problem) -> str:
    """Sizes, names and bounds of a Problem, and what a model step costs."""
    graph = problem.graph
    low, high = _numbers(problem.action_low), _numbers(problem.action_high)
    inputs = ", ".join(f"{name} {list(shape)}" for name, shape in problem.inputs.items())
    rows = [
        ("state", _entries(problem.state_size, graph.get("state_names"))),
        ("action", f"{_entries(problem.action_size, graph.get('action_names'))}, from {low} to {high}"),
        ("model step", f"{problem.dt:g} s, {problem.multiply_adds:,} multiply-adds"),
        ("members", problem.members),
        ("run-time inputs", inputs or "none"),
        ("programs", ", ".join(graph["programs"])),
        ("file", f"{len(problem.bytes) / 1024:,.0f} KiB"),
    ]
    return _card("Problem", rows)


def plan_card(plan: Plan) -> str:
    """What a plan does now, what it is worth, how far it looks, and where it leads."""
    spread = [f"{name} {value:.3g}" for name in ("within", "between") if (value := getattr(plan, name)) > 0.0]
    rows = [
        ("action", _numbers(plan.action)),
        ("value", f"{plan.value:.4g}" + (f" (std {', '.join(spread)} members)" if spread else "")),
        ("horizon", plan.horizon),
        ("took", f"{plan.stats.milliseconds:.3g} ms, {plan.model_steps:,} model steps"),
        ("status", plan.status),
    ]
    return _card("Plan", rows, _plan_picture(plan))


def episode_card(episode: Episode) -> str:
    """How an episode ended and how fast it was planned, with its film or its picture."""
    from mbrl_fast.episode import ending

    quantiles = np.quantile(episode.plan_ms, [0.5, 0.99]) if len(episode.plan_ms) else (np.nan, np.nan)
    rows = [
        ("task", getattr(episode.task, "name", "unnamed")),
        ("seed", episode.seed),
        ("ended", ending(episode)),
        ("plans", f"{quantiles[0]:.3g} ms (median), {quantiles[1]:.3g} ms (p99)"),
    ]
    return _card("Episode", rows, _episode_picture(episode))


def _card(title: str, rows: Sequence[tuple[str, Any]], below: str = "") -> str:
    return f'<div style="max-width:56em"><b>{escape(title)}</b>{markup.table(rows)}{below}</div>'


def _plan_picture(plan: Plan) -> str:
    """Nothing where there are no states, or no matplotlib."""
    if len(plan.states) < 2:
        return ""
    try:
        from mbrl_fast.report.plan_plot import plan as draw

        return markup.picture(draw(plan), "the plan over time")
    except ImportError:
        return ""


def _episode_picture(episode: Episode) -> str:
    if episode.video is not None and episode.video.is_file():
        return markup.film(episode.video)
    try:
        from mbrl_fast.report.episode_plot import episode as draw

        return markup.picture(draw(episode), "the episode")
    except ImportError:
        return ""


def _entries(size: int, names: Sequence[str] | None) -> str:
    return f"{size} ({', '.join(names)})" if names else str(size)


def _numbers(values: ArrayLike) -> str:
    return "[" + ", ".join(f"{value:.3g}" for value in np.ravel(values)) + "]"
