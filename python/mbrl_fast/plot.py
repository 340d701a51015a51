"""Plots for notebooks and scripts: each draws on the axes it is given, or on a new figure's, and returns them.

```python
import mbrl_fast as mf
axes = mf.plot.plan(planner.plan(state, goal=goal), goal=goal)
axes.figure.savefig("plan.png")
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mbrl_fast.report.calibration_plot import calibration
from mbrl_fast.report.canvas import COLORS, axes_or_new, save
from mbrl_fast.report.episode_plot import episode
from mbrl_fast.report.fan import fan, measure_fan
from mbrl_fast.report.learning_curve import learning_curve
from mbrl_fast.report.losses import losses, open_loop
from mbrl_fast.report.lot import draw_car, draw_lot, positions
from mbrl_fast.report.swing import swing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from mbrl_fast.agent import PlanLike

__all__ = ["calibration", "episode", "fan", "learning_curve", "losses", "measure_fan", "open_loop", "plan", "save", "swing"]


def plan(planned: PlanLike, goal: ArrayLike | None = None, axes: Axes | None = None) -> Axes:
    """Draw what a plan intends in the car park: its path, the car now and at the end.

    Args:
        planned: from `planner.plan`; its states [steps + 1, 6] are drawn.
        goal: [6]; its spot is filled.
        axes: to draw on; a new figure's by default.
    """
    axes = axes_or_new(axes, 8.0, 5.4)
    draw_lot(axes, goal)
    axes.plot(*positions(planned.states).T, "-", color=COLORS[1], linewidth=2, label="planned")
    draw_car(axes, planned.states[0], color="black")
    draw_car(axes, planned.states[-1], color=COLORS[1], linestyle=":")
    axes.legend(fontsize="small", loc="upper right")
    return axes
