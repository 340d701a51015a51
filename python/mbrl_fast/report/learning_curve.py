"""Return against real steps, over several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.report.canvas import COLORS, axes_or_new
from mbrl_fast.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]


class CurveLike(Protocol):
    """What is drawn of a run; `online.Learnt` has it."""

    @property
    def steps(self) -> NDArray[np.int64]:
        """[trials], real steps until the end of each trial, ascending."""

    @property
    def returns(self) -> Floats:
        """[trials]"""


@dataclass(frozen=True)
class Curve:
    """What `read_curve` reads."""

    steps: NDArray[np.int64]
    returns: Floats


def read_curve(folder: str | Path) -> Curve:
    """Read the curve of a run folder of `mbrl-fast pets`, finished or not, from its metrics.jsonl."""
    trials = [line for line in Run(Path(folder)).read_metrics() if line["event"] == "trial"]
    if not trials:
        raise ValueError(f"{folder} has no trials to draw")
    return Curve(np.array([line["step"] for line in trials], np.int64), np.array([line["return"] for line in trials]))


def learning_curve(
    runs: Sequence[CurveLike | str | Path] | Mapping[str, Sequence[CurveLike | str | Path]],
    axes: Axes | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Axes:
    """Draw the return against real steps: of one run as it is, of several the mean with its interval, and each thinly.

    Args:
        runs: of one method with several seeds, or name → runs of each method; a run is what `online.learn` gave or its folder.
        axes: to draw on; a new figure's by default.
        level: of the intervals, bootstrapped over runs.
        seed: of the bootstrap.
    """
    axes = axes_or_new(axes)
    methods = runs if isinstance(runs, Mapping) else {"": runs}
    for (name, given), color in zip(methods.items(), COLORS, strict=False):
        group = [read_curve(run) if isinstance(run, str | Path) else run for run in given]
        for run in group:
            alone = len(group) == 1
            style = {"marker": "o", "markersize": 4, "linewidth": 1.5} if alone else {"linewidth": 0.6, "alpha": 0.5}
            axes.plot(run.steps, run.returns, color=color, label=name if alone else None, **style)
        if len(group) > 1:
            steps, returns = common_steps(group)
            low, high = interval(returns, level, seed)
            label = f"mean of {len(group)} runs, {level:.0%} interval"
            axes.plot(steps, returns.mean(0), color=color, linewidth=2, label=f"{name}: {label}" if name else label)
            axes.fill_between(steps, low, high, color=color, alpha=0.2, linewidth=0)
    axes.set_xlabel("real steps")
    axes.set_ylabel("return of an episode")
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize="small")
    return axes


def common_steps(runs: Sequence[CurveLike]) -> tuple[Floats, Floats]:
    """Returns of all runs at the same real steps, interpolated where an episode ended elsewhere.

    Returns:
        steps [T], those of the longest run as far as every run has come, and returns [runs, T].
    """
    if not runs or min(len(run.steps) for run in runs) < 1:
        raise ValueError("a learning curve needs runs with at least one trial each")
    first, last = max(run.steps[0] for run in runs), min(run.steps[-1] for run in runs)
    longest = max(runs, key=lambda run: len(run.steps)).steps
    steps = np.unique(np.clip(longest, first, max(first, last))).astype(np.float64)
    return steps, np.stack([np.interp(steps, run.steps, run.returns) for run in runs])


def interval(samples: Floats, level: float = 0.95, seed: int = 0, resamples: int = 2000) -> tuple[Floats, Floats]:
    """Percentile bootstrap interval of the mean over the first axis (Efron 1979): samples [N, ...] -> low, high [...].

    Of few samples it is somewhat too narrow; of one it has no width.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be between 0 and 1, got level={level}")
    chosen = np.random.default_rng(seed).integers(0, len(samples), (resamples, len(samples)))
    low, high = np.quantile(samples[chosen].mean(1), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
