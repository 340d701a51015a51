"""highway-env's ``parking-v0``: drive a car into a given spot of a walled car park.

The state is the environment's own observation, scaled as it scales it: ``[x/100, y/100, vx/5, vy/5, cos h, sin h]`` with metres,
metres per second and the heading h. The action is ``[throttle, steering]`` in [-1, 1]: 5 m/s² and 45° at the ends. A step is 0.2 s.

Facts that shape this file (highway-env 1.12, gymnasium 1.x):

* the environment's success rule has no speed term, so a car that drives *through* the spot counts. ``ParkingTracker`` measures
  both: that rule, and strict success: in the spot, slower than 0.5 m/s, heading within 10°, held for 1 s;
* an environment made with ``stop_at_success=False`` goes on past success, so that strict success can be measured. It does so by a
  success threshold that no reward can pass: its ``info["is_success"]`` is always false, and the tracker applies the rule itself;
* ``config=`` replaces nested dictionaries whole (a partial ``"observation"`` would lose its scales): only scalars are passed;
* ``info["action"]`` of ``reset`` is an unseeded sample; the tracker never reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .parking_tracker import SCALES, STATE_NAMES, SUCCESS_REWARD, Array, ParkingTracker, goal_reward, obstacles, vector

__all__ = ["SCALES", "Parking", "ParkingTracker", "goal_reward"]

if TYPE_CHECKING:
    import gymnasium
    from torch import nn

    from mbrl_fast.data import Transitions


_PLANNER = {
    "horizon": 25,
    "steps_per_knot": 1,
    "population": 64,
    "elites": 6,
    "iterations": 4,
    "init_std": 1.5,
    "min_std": 0.0,
    "momentum": 0.0,
    "discount": 1.0,
    "keep_elites": 4,
    "include_mean": True,
    "returns": "best",
    "warm_start": True,
    "fresh_fraction": 0.25,
    "noise_beta": 3.0,
}

MOST_PARKED = 26
"""There are 28 spots: one is the goal, and the one nearest to the start stays empty."""


@dataclass(frozen=True)
class Parking:
    """The task ``parking-v0``.

    Args:
        walls: whether the car park has walls (a car that touches one has crashed).
        max_steps: steps of 0.2 s until the environment truncates the episode.
        parked_cars: cars that stand in other spots, highway-env's ``vehicles_count`` (``parking-parked-v0`` has 10). Its
            observation leaves them out, so the environment made here adds ``observation["obstacles"]``: what sensors would tell.
    """

    walls: bool = True
    max_steps: int = 500
    parked_cars: int = 0

    state_size: ClassVar[int] = 6
    action_size: ClassVar[int] = 2
    dt: ClassVar[float] = 0.2
    substeps: ClassVar[int] = 3
    packages: ClassVar[tuple[str, ...]] = ("highway_env",)
    recipe: ClassVar[dict[str, int]] = {"transitions": 2000, "rounds": 2, "on_policy": 1000, "members": 4}
    pets: ClassVar[dict[str, Any]] = {
        "exploration_episodes": 5,
        "trials": 20,
        "max_steps": 60,
        "members": 5,
        "hidden_sizes": (64,),
        "epochs": 200,
        "batch_size": 64,
        "learning_rate": 1e-2,
        "patience": 100,
        "symmetries": True,
        "planner": "cem",
        "planner_settings": _PLANNER,
        "particles": 0,
    }
    """Short episodes, so that a car which waits beside its spot does not fill the data; networks that give no spread (`model`)."""
    state_names: ClassVar[tuple[str, ...]] = STATE_NAMES
    state_units: ClassVar[tuple[str, ...]] = ("100 m", "100 m", "5 m/s", "5 m/s", "1", "1")
    action_names: ClassVar[tuple[str, ...]] = ("throttle", "steering")
    action_units: ClassVar[tuple[str, ...]] = ("5 m/s²", "45°")

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise ValueError(f"max_steps must be at least 1, got max_steps={self.max_steps}")
        if not 0 <= self.parked_cars <= MOST_PARKED:
            raise ValueError(f"parked_cars must be 0..{MOST_PARKED}, got parked_cars={self.parked_cars}")

    @property
    def name(self) -> str:
        """As in ``TASKS``."""
        return "parking-parked" if self.parked_cars else "parking"

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Run-time inputs and their shapes: the goal, and with parked cars ``obstacles``, one row each (see ``ParkedCars``)."""
        return {"goal": (6,), **({"obstacles": (self.parked_cars, 5)} if self.parked_cars else {})}

    @property
    def action_low(self) -> Array:
        """[action_size], the least throttle and steering."""
        return np.full(self.action_size, -1.0, dtype=np.float32)

    @property
    def action_high(self) -> Array:
        """[action_size], the greatest throttle and steering."""
        return np.full(self.action_size, 1.0, dtype=np.float32)

    def make_env(self, render_mode: str | None = None, stop_at_success: bool = False) -> gymnasium.Env[Any, Any]:
        """Make the environment.

        Args:
            render_mode: None, "rgb_array" or "human".
            stop_at_success: end the episode at the environment's own success. By default it goes on, so that a car that
                drives through the spot is told from one that stops in it.
        """
        if render_mode not in (None, "rgb_array", "human"):
            raise ValueError(f'render_mode must be None, "rgb_array" or "human", got render_mode={render_mode!r}')
        try:
            import gymnasium
            import highway_env  # noqa: F401  (importing it registers parking-v0)
        except ImportError as error:
            raise ImportError(f"the parking task needs highway-env: pip install 'mbrl_fast[envs]' ({error})") from error
        config = {
            "add_walls": self.walls,
            # half a step early: the environment adds up 0.2 s steps, whose sum may fall short of the exact time
            "duration": (self.max_steps - 0.5) * self.dt,
            "success_goal_reward": SUCCESS_REWARD if stop_at_success else -1.0,
            "vehicles_count": self.parked_cars,
        }
        # The module prefix registers the environment in spawned worker processes too. The checker would warn that `info` holds the
        # caller's own action array, which the tracker copies.
        env = gymnasium.make("highway_env:parking-v0", render_mode=render_mode, config=config, disable_env_checker=True)
        from .goal_observation import QuickObservation
        from .parked_cars import ParkedCars

        quick = QuickObservation(env)
        return ParkedCars(quick, self.parked_cars) if self.parked_cars else quick

    def observe(self, observation: dict[str, Any]) -> tuple[Array, dict[str, Array]]:
        """Read an observation of the environment.

        Returns:
            state [6] and {"goal": [6]}, float32; [B, 6] each for a batch of observations. With parked cars "obstacles" [K, 5] too.
        """
        state, inputs = vector(observation, "observation"), {"goal": vector(observation, "desired_goal")}
        if self.parked_cars:
            inputs["obstacles"] = obstacles(observation, self.parked_cars)
        return state, inputs

    def planner_settings(self) -> dict[str, Any]:
        """Settings of ``CEM`` with which a car parks well: 5 s ahead, a new action every step, 6,400 model steps a plan.

        Single steps with slowly varying (coloured) noise steer more finely than held knots. A quarter of the candidates is drawn
        afresh, wide enough to reach full throttle and full lock often: with `terminal_value` that is the way out for a car that has
        come to rest beside its spot.
        """
        return dict(_PLANNER)

    def network(self, data: Transitions, hidden_size: int) -> nn.Module:
        """A model to be trained on these transitions."""
        from mbrl_fast.models import LTI

        return LTI(self.state_size, self.action_size, hidden_size, dt=self.dt, position_columns=False)

    def model(self, hidden_sizes: tuple[int, ...], std: str) -> nn.Module:
        """What PETS learns: `network` with layers of one size. It gives no spread, whatever ``std`` is.

        With symmetries it needs half the transitions of a Gaussian of everything.
        """
        from mbrl_fast.models import LTI

        if len(set(hidden_sizes)) != 1:
            raise ValueError(f"hidden_sizes of the parking task must be of one size, got hidden_sizes={tuple(hidden_sizes)}")
        return LTI(self.state_size, self.action_size, hidden_sizes[0], len(hidden_sizes), self.dt, position_columns=False)

    def reward(self) -> nn.Module:
        """What plans collect."""
        from mbrl_fast.rewards import ParkedCarsReward, ParkingReward

        return ParkedCarsReward() if self.parked_cars else ParkingReward()

    def terminal_value(self) -> nn.Module:
        """What the end of a plan is worth."""
        from mbrl_fast.rewards import ParkingValue

        return ParkingValue()

    def physics(self) -> nn.Module:
        """The car's equations with the numbers unknown: a bicycle whose length, acceleration and steering are to be identified."""
        from mbrl_fast.models import Bicycle

        return Bicycle(self.dt, self.substeps, length=3.0, acceleration=3.0, steering=0.5, learnable=True)

    def tracker(self) -> ParkingTracker:
        """A fresh measurement of one episode."""
        return ParkingTracker()

    def symmetries(
        self, states: Array, actions: Array, next_states: Array, generator: np.random.Generator
    ) -> tuple[Array, Array, Array]:
        """Turn and mirror transitions at random: open ground is the same in every direction, and left is the mirror of right.

        Args:
            states: [..., 6]; actions: [..., 2]; next_states: [..., 6]; generator: where the turns are drawn from.

        Returns:
            The transitions, each turned about the origin by its own angle and, every second time, mirrored (steering changes sign).
        """
        angle = generator.uniform(0.0, 2.0 * np.pi, states.shape[:-1])
        mirror = generator.integers(0, 2, states.shape[:-1]) * 2.0 - 1.0
        cos, sin = np.cos(angle), np.sin(angle)

        def turn(state: Array) -> Array:
            turned = np.empty_like(state)
            for i in (0, 2, 4):
                a, b = state[..., i], state[..., i + 1] * mirror
                turned[..., i] = cos * a - sin * b
                turned[..., i + 1] = sin * a + cos * b
            return turned

        mirrored = actions.copy()
        mirrored[..., 1] *= mirror
        return turn(states), mirrored, turn(next_states)

    def errors(self, predicted: Array, actual: Array) -> dict[str, NDArray[np.float64]]:
        """How far apart states are. predicted, actual: [..., 6] -> {"position [m]", "heading [rad]", "speed [m/s]"}, each [...]."""
        difference = (predicted - actual) * SCALES
        turn = np.arctan2(predicted[..., 5], predicted[..., 4]) - np.arctan2(actual[..., 5], actual[..., 4])
        return {
            "position [m]": np.hypot(difference[..., 0], difference[..., 1]),
            "heading [rad]": np.abs((turn + np.pi) % (2.0 * np.pi) - np.pi),
            "speed [m/s]": np.hypot(difference[..., 2], difference[..., 3]),
        }
