"""All that a decision tried: candidates, elites and the answer of every iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.report.canvas import COLORS, GREY, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 300
"""Candidates drawn in one picture: the elites, and the others evenly from best to worst."""


def replay_figure(replay: Any) -> Figure:
    """Draw a traced decision: a column for each iteration; above where the candidates lead, below their actions.

    Candidates are coloured by their return, from dark (worst) to bright (best); grey ones were left early or had no finite return.
    Elites are thick, the answer is dashed.
    """
    problem, plan = replay.problem, replay.plan
    iterations = plan.trace or ()
    rows, columns = 1 + problem.action_size, max(len(iterations), 1)
    figure = new_figure(3.2 * columns, 2.4 * rows)
    axes = figure.subplots(rows, columns, squeeze=False, sharey="row", sharex="row")
    for column, iteration in enumerate(iterations):
        chosen = _chosen(iteration)
        colors = _colors(iteration.returns)
        states = _states(replay, iteration.actions[chosen])
        for line, index in enumerate(chosen):
            style = {"color": colors[index], "linewidth": 1.6 if index in iteration.elites else 0.5}
            _path(axes[0][column], states[line], **style)
            for a in range(problem.action_size):
                _hold(axes[1 + a][column], iteration.actions[index, :, a], plan.knot_seconds, **style)
        best = np.nanmax(np.where(np.isfinite(iteration.returns), iteration.returns, np.nan)) if iteration.elites else np.nan
        axes[0][column].set_title(f"iteration {column + 1}: {len(iteration.returns)} candidates, best {best:.4g}", fontsize="small")
    for column in range(columns):
        answer: dict[str, Any] = {"color": COLORS[1], "linewidth": 1.6, "linestyle": "--"}
        _path(axes[0][column], _states(replay, plan.actions[None])[0], **answer)
        for a in range(problem.action_size):
            _hold(axes[1 + a][column], plan.actions[:, a], plan.knot_seconds, **answer)
    names = {kind: problem.graph.get(f"{kind}_names") or [f"{kind}[{i}]" for i in range(64)] for kind in ("state", "action")}
    axes[0][0].set_ylabel(names["state"][1] if problem.state_size > 1 else names["state"][0])
    for a in range(problem.action_size):
        axes[1 + a][0].set_ylabel(names["action"][a])
    for column in range(columns):
        axes[0][column].set_xlabel(names["state"][0] if problem.state_size > 1 else "model steps")
        axes[-1][column].set_xlabel("seconds from the plan's beginning")
    return figure


def _chosen(iteration: Any) -> list[int]:
    """Candidates to draw, the best last."""
    order = [int(n) for n in np.argsort(np.where(np.isfinite(iteration.returns), iteration.returns, -np.inf), kind="stable")]
    every = -(-len(order) // MOST_LINES)
    return [n for place, n in enumerate(order) if place % every == 0 or n in iteration.elites]


def _colors(returns: NDArray[np.float32]) -> list[Any]:
    from matplotlib import colormaps

    finite = np.isfinite(returns)
    rank = np.zeros(len(returns))
    rank[finite] = np.argsort(np.argsort(returns[finite])) / max(finite.sum() - 1, 1)
    return [colormaps["viridis"](r) if ok else GREY for r, ok in zip(rank, finite, strict=True)]


def _states(replay: Any, actions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where actions [n, H, A] lead from where the plan begins, [n, T + 1, S]."""
    if len(actions) == 0:
        return np.zeros((0, 1, replay.problem.state_size), np.float32)
    start = replay.plan.states[0] if len(replay.plan.states) else replay.arrays["state"]
    inputs = {name.removeprefix("input/"): value for name, value in replay.arrays.items() if name.startswith("input/")}
    held = round(replay.plan.knot_seconds / replay.problem.dt)
    states = replay.problem.rollout(start, actions, steps_per_knot=held, return_states=True, **inputs)[1]
    return np.asarray(states)


def _path(axes: Axes, states: NDArray[np.float32], **style: Any) -> None:
    """The first two numbers of the state against each other; of a single one against the steps."""
    if states.shape[1] > 1:
        axes.plot(states[:, 0], states[:, 1], **style)
    else:
        axes.plot(states[:, 0], **style)


def _hold(axes: Axes, knots: NDArray[np.float32], seconds: float, **style: Any) -> None:
    axes.step(np.arange(len(knots) + 1) * seconds, [*knots, knots[-1]], where="post", **style)
