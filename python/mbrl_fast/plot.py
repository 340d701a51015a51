"""Plots for notebooks and scripts: each draws on the axes it is given, or on a new figure's, and returns them.

```python
import mbrl_fast as mf
axes = mf.plot.plan(planner.plan(state, goal=goal), goal=goal)
axes.figure.savefig("plan.png")
```
"""

from __future__ import annotations

from mbrl_fast.report.calibration_plot import calibration
from mbrl_fast.report.canvas import save
from mbrl_fast.report.episode_plot import episode
from mbrl_fast.report.fan import fan, measure_fan
from mbrl_fast.report.latency_plot import latency
from mbrl_fast.report.learning_curve import learning_curve
from mbrl_fast.report.losses import losses, open_loop
from mbrl_fast.report.pareto_plot import pareto
from mbrl_fast.report.plan_plot import plan
from mbrl_fast.report.swing import swing

__all__ = [
    "calibration",
    "episode",
    "fan",
    "latency",
    "learning_curve",
    "losses",
    "measure_fan",
    "open_loop",
    "pareto",
    "plan",
    "save",
    "swing",
]
