"""The notebook's fan: where the model thinks that the car will go, and where it goes.

Six constant actions, left, straight and right, at two throttles, from a standing start at the centre of the lot.
A model that will plan well draws its dashed lines over the solid ones.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.report.canvas import COLORS, axes_or_new
from mbrl_fast.report.lot import draw_car, draw_lot, positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEERINGS = {"left": -0.5, "straight": 0.0, "right": 0.5}
THROTTLES = {"slow": 0.4, "fast": 0.8}


@dataclasses.dataclass(frozen=True)
class Fan:
    """Trajectories under the same actions, [6, steps + 1, state_size] each, and their names [6]."""

    names: list[str]
    predicted: NDArray[np.float32]
    real: NDArray[np.float32]

    def error_m(self) -> NDArray[np.float64]:
        """Distance between prediction and reality at the end, in metres, [6]."""
        offset: NDArray[np.float64] = positions(self.predicted[:, -1]) - positions(self.real[:, -1])
        return np.hypot(offset[:, 0], offset[:, 1])


def measure_fan(problem: Any, task: Any, steps: int = 15) -> Fan:
    """Drive the six actions in the environment and roll them out with the model.

    Args:
        problem: `Problem` whose states are the task's.
        task: the parking task; its walls are taken away, for full throttle reaches them.
        steps: of `task.dt` seconds.
    """
    names = [f"{s}, {t}" for s in STEERINGS for t in THROTTLES]
    actions = np.array([[throttle, steer] for steer in STEERINGS.values() for throttle in THROTTLES.values()])
    held = np.repeat(actions[:, None].astype(np.float32), steps, axis=1)
    real, inputs = _drive(task, held)
    predicted = problem.rollout(real[0, 0], held, **inputs, return_states=True)[1]
    return Fan(names, np.asarray(predicted), real)


def _drive(task: Any, actions: NDArray[np.float32]) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """Drive actions [N, steps, action_size] in the environment. Returns states [N, steps + 1, S] and the inputs."""
    env = dataclasses.replace(task, walls=False).make_env()
    trajectories = []
    try:
        for sequence in actions:
            env.reset(seed=0)
            env.unwrapped.vehicle.heading = 0.0
            observation = env.unwrapped.observation_type.observe()
            state, inputs = task.observe(observation)
            states = [state]
            for action in sequence:
                observation = env.step(action.copy())[0]
                states.append(task.observe(observation)[0])
            trajectories.append(states)
    finally:
        env.close()
    return np.array(trajectories, dtype=np.float32), inputs


def fan(measured: Fan, axes: Axes | None = None) -> Axes:
    """Draw a fan: solid lines that end in a dot are real, dashed ones that end in a cross predicted."""
    axes = axes_or_new(axes, 7.5, 5.0)
    draw_lot(axes, walls=False)
    draw_car(axes, measured.real[0, 0], color="black")
    for index, name in enumerate(measured.names):
        color = COLORS[index % len(COLORS)]
        real, predicted = positions(measured.real[index]), positions(measured.predicted[index])
        # slow and fast share most of a path: the ends tell them apart
        axes.plot(*real.T, "-o", color=color, linewidth=2, markevery=[-1], label=name)
        axes.plot(*predicted.T, "--x", color=color, linewidth=1.4, markevery=[-1], markersize=9)
    steps = measured.real.shape[1] - 1
    axes.set_title(f"● real, × predicted (dashed), {steps} steps; mean end error {measured.error_m().mean():.2f} m")
    axes.legend(fontsize="small", loc="upper left")
    axes.autoscale()
    if not axes.yaxis_inverted():
        axes.invert_yaxis()
    return axes
