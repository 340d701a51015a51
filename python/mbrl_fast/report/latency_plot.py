"""How long plans take: most of them, and the slowest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mbrl_fast.evaluation import EvaluationResult
from mbrl_fast.report.canvas import COLORS, GREY, axes_or_new, logarithmic

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def latency(plan_ms: EvaluationResult | ArrayLike, deadline_ms: float | None = None, axes: Axes | None = None) -> Axes:
    """Draw a histogram of plan times, with the share that is done by then as a line above it.

    Args:
        plan_ms: milliseconds of plans, greater than 0, of any shape; or an evaluation, whose episodes' first plans are left out.
        deadline_ms: what a plan may take; the legend says how many took longer.
        axes: to draw on; a new figure's by default.
    """
    times = np.ravel(plan_ms.plan_ms() if isinstance(plan_ms, EvaluationResult) else np.asarray(plan_ms, np.float64))
    if not times.size or not np.isfinite(times).all() or times.min() <= 0.0:
        raise ValueError(f"plan_ms must be some finite numbers > 0, got {np.array2string(times, threshold=6)}")
    if deadline_ms is not None and not 0.0 < deadline_ms < float("inf"):
        raise ValueError(f"deadline_ms must be > 0 and finite, got deadline_ms={deadline_ms}")
    axes = axes_or_new(axes)
    bins = np.geomspace(times.min() / 1.02, times.max() * 1.02, 41).tolist()
    axes.hist(times, bins, weights=np.full(times.size, 1.0 / times.size), color=COLORS[5], label="plans")
    for quantile, name, style in ((0.5, "p50", "-"), (0.99, "p99", "--")):
        value = float(np.quantile(times, quantile))
        axes.axvline(value, color=COLORS[0], linestyle=style, label=f"{name}: {value:.3g} ms")
    if deadline_ms is not None:
        late = float((times > deadline_ms).mean())
        axes.axvline(deadline_ms, color=COLORS[1], linewidth=2, label=f"deadline {deadline_ms:.4g} ms: {late:.2%} later")
    logarithmic(axes)
    axes.set_xlabel("milliseconds of a plan")
    axes.set_ylabel("share of plans")
    axes.set_title(f"{times.size:,} plans")
    _share_done(axes, np.sort(times))
    axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=4)
    return axes


def _share_done(axes: Axes, times: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """The empirical distribution, on an axis of its own at the right."""
    right = axes.twinx()
    right.step(times, np.arange(1, len(times) + 1) / len(times), where="post", color=GREY, linewidth=1.2)
    right.set_ylim(0.0, 1.02)
    right.set_ylabel("share done by then", color=GREY)
