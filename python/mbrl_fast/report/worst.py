"""Episodes that went worst, and whether the model was to blame: where it was first wrong about what a step would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.episode import Episode
from mbrl_fast.report.canvas import COLORS, entry_labels
from mbrl_fast.report.episode_plot import episode
from mbrl_fast.report.lot import is_goal, positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOLERANCE = 0.5
"""A step is bad if a number of the state ends up further from where the model put it than this part of its usual change."""


@dataclass(frozen=True)
class BadStep:
    """The first step of an episode that the model was wrong about."""

    step: int
    entry: int
    """Of the state, the one that was furthest off in units of its usual change."""
    predicted: float
    realised: float


def worst(episodes: Sequence[Episode], count: int = 5) -> list[Episode]:
    """The worst first: crashes, then those without success, then those that did not stay, and among these the least return."""

    def goodness(record: Episode) -> tuple[bool, bool, bool, float]:
        metrics = record.metrics
        crashed = metrics.get("crash", False) or metrics.get("crash_after_success", False)
        return not crashed, metrics.get("success", True), metrics.get("strict", True), metrics["return"]

    return sorted(episodes, key=goodness)[:count]


def usual_change(episodes: Sequence[Episode]) -> NDArray[np.float64]:
    """[state_size], root mean square of what a step changes, over all steps of all episodes."""
    changes = np.concatenate([np.diff(record.states.astype(np.float64), axis=0) for record in episodes])
    usual: NDArray[np.float64] = np.sqrt(np.square(changes).mean(0))
    return usual


def first_bad_step(record: Episode, usual: NDArray[np.float64], tolerance: float = TOLERANCE) -> BadStep | None:
    """Find the first step after which the state is not where the plan of that step put it.

    Plans that say nothing of it are passed over: those without states, and those that begin later because actions come late.

    Args:
        record: with its plans (`run_episode(record=True)`).
        usual: [state_size], see `usual_change`; entries that never change are not looked at.
        tolerance: see `TOLERANCE`.
    """
    for step, (before, after, plan) in enumerate(zip(record.states[:-1], record.states[1:], record.plans, strict=False)):
        if len(plan) < 2 or not np.allclose(plan[0], before, rtol=1e-4, atol=1e-5):
            continue
        off = np.abs(plan[1].astype(np.float64) - after)
        relative = np.divide(off, usual, out=np.zeros_like(usual), where=usual > 0.0)
        if not relative.max() <= tolerance:  # also when it is not a number
            entry = int(relative.argmax())
            return BadStep(step, entry, float(plan[1, entry]), float(after[entry]))
    return None


def describe(record: Episode, bad: BadStep | None) -> str:
    """The first bad step in a sentence."""
    if not record.plans:
        return "The plans of this episode were not recorded."
    if bad is None:
        return "The model foresaw every step" + (
            "." if record.metrics.get("success", True) else ": what went wrong is the plan's or the reward's."
        )
    label = entry_labels(record.task, "state", record.states.shape[1])[bad.entry]
    dt = getattr(record.task, "dt", None)
    at = f"step {bad.step}" + (f" ({bad.step * dt:.4g} s)" if dt else "")
    return f"First bad step: {at}, {label} became {bad.realised:.3g} where the model said {bad.predicted:.3g}."


def draw(record: Episode, bad: BadStep | None) -> Axes:
    """The episode with its plans, and the first bad step marked in it."""
    axes = episode(record)
    if bad is None:
        return axes
    style: dict[str, Any] = {"color": COLORS[3], "zorder": 5}
    if is_goal(record.inputs.get("goal")):
        axes.plot(*positions(record.plans[bad.step]).T, "--", **style)
        axes.plot(*positions(record.states[bad.step]), "*", markersize=14, label="first bad step, and its plan", **style)
    else:
        for each in axes.figure.axes:
            each.axvline(bad.step * getattr(record.task, "dt", 1.0), linestyle="--", label="first bad step", **style)
    axes.legend(loc="upper right", fontsize="small", ncols=4)
    return axes
