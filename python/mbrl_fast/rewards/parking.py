"""What a driver knows about parking: the spot, the walls, and that parked means stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from .goal_distance import GoalDistance


class ParkingReward(nn.Module):
    """highway-env's distance to the goal, with the walls and the speed that its own reward leaves to the episode's end.

    Its heading weight is 0.05, not the environment's 0.02: with the latter a car often comes to rest nose out in its spot.

    reward = −(Σ w |s' − g|)^0.5 − wall_penalty · closeness − speed_weight · |speed| · nearness

    * closeness rises from 0 to 1 as the car's footprint comes within ``wall_margin`` of a wall, and stays 1 beyond. The penalty
      is more than a whole horizon of typical rewards (25 × 0.4): else a plan would rather crash than stay far from its goal.
    * nearness falls from 1 at the goal to 0 at ``speed_radius`` from it: drive there, then stop.

    Args:
        weights: of the goal distance per state entry. wall_penalty: reward lost in a wall. wall_margin: m.
        speed_weight: reward lost per m/s at the goal. speed_radius: m.
        half_length, half_width: of the walled ground between the walls' inner faces, m. car_length, car_width: m.
    """

    def __init__(
        self,
        weights: Sequence[float] = (1.0, 0.3, 0.0, 0.0, 0.05, 0.05),
        wall_penalty: float = 20.0,
        wall_margin: float = 0.5,
        speed_weight: float = 0.02,
        speed_radius: float = 10.0,
        half_length: float = 34.5,
        half_width: float = 20.5,
        car_length: float = 5.0,
        car_width: float = 2.0,
    ) -> None:
        super().__init__()
        for name, value in (("wall_margin", wall_margin), ("speed_radius", speed_radius)):
            if not value > 0.0:
                raise ValueError(f"{name} must be greater than 0, got {name}={value}")
        for name, value in (("wall_penalty", wall_penalty), ("speed_weight", speed_weight)):
            if not value >= 0.0:
                raise ValueError(f"{name} must not be negative, got {name}={value}")
        self.distance = GoalDistance(weights)
        self.wall_penalty, self.wall_margin = wall_penalty, wall_margin
        self.speed_weight, self.speed_radius = speed_weight, speed_radius
        self.half_length, self.half_width = half_length, half_width
        self.car_length, self.car_width = car_length, car_width

    def forward(self, next_state: Tensor, goal: Tensor) -> Tensor:
        """next_state [..., 6], goal [6] or [..., 6] -> reward [...]."""
        reward: Tensor = self.distance(next_state, goal)
        return reward - self._wall_cost(next_state) - self.speed_cost(next_state, goal)

    def _wall_cost(self, state: Tensor) -> Tensor:
        """Walls run along the axes, so the footprint's reach along each axis tells exactly whether a corner touches."""
        cos, sin = state[..., 4].abs(), state[..., 5].abs()
        reach_x = 100.0 * state[..., 0].abs() + 0.5 * (self.car_length * cos + self.car_width * sin)
        reach_y = 100.0 * state[..., 1].abs() + 0.5 * (self.car_length * sin + self.car_width * cos)
        beyond = (reach_x - self.half_length).maximum(reach_y - self.half_width)
        return self.wall_penalty * (1.0 + beyond / self.wall_margin).clamp(0.0, 1.0)

    def speed_cost(self, state: Tensor, goal: Tensor) -> Tensor:
        """What speed costs near the goal. state [..., 6], goal [6] or [..., 6] -> [...]."""
        speed = 5.0 * (state[..., 2].square() + state[..., 3].square()).clamp_min(1e-12).sqrt()
        offset = 100.0 * (state[..., :2] - goal[..., :2]).abs().sum(-1)
        return self.speed_weight * speed * (1.0 - offset / self.speed_radius).clamp_min(0.0)


class ParkedCarsReward(ParkingReward):
    """``ParkingReward`` among parked cars, which are a run-time input: cars are there or not, and no file is made anew.

    reward = ParkingReward − car_penalty · closeness

    Closeness rises from 0 to 1 as the nearest car's footprint comes within ``car_margin``, and stays 1 in an overlap. Footprints
    are rectangles, and the gap between two of them is the widest along their four axes: exact for whether they overlap.

    Args:
        car_penalty: reward lost in a parked car. car_margin: m. options: as ``ParkingReward`` takes them.
    """

    def __init__(self, car_penalty: float = 20.0, car_margin: float = 0.5, **options: Any) -> None:
        super().__init__(**options)
        if not car_margin > 0.0:
            raise ValueError(f"car_margin must be greater than 0, got car_margin={car_margin}")
        if not car_penalty >= 0.0:
            raise ValueError(f"car_penalty must not be negative, got car_penalty={car_penalty}")
        self.car_penalty, self.car_margin = car_penalty, car_margin

    def forward(self, next_state: Tensor, goal: Tensor, obstacles: Tensor) -> Tensor:  # type: ignore[override]
        """next_state [..., 6], goal [6] or [..., 6], obstacles [K, 5] or [..., K, 5] -> reward [...].

        A row of obstacles is [present (1 or 0), x/100, y/100, cos h, sin h].
        """
        closeness = (1.0 - self.gap(next_state, obstacles) / self.car_margin).clamp(0.0, 1.0)
        nearest: Tensor = (obstacles[..., 0] * closeness).amax(-1)
        return super().forward(next_state, goal) - self.car_penalty * nearest

    def gap(self, state: Tensor, obstacles: Tensor) -> Tensor:
        """Metres between the car and each other one, below 0 in an overlap. state [..., 6], obstacles [..., K, 5] -> [..., K]."""
        cos, sin = state[..., 4:5], state[..., 5:6]
        other_cos, other_sin = obstacles[..., 3], obstacles[..., 4]
        dx, dy = 100.0 * (obstacles[..., 1] - state[..., 0:1]), 100.0 * (obstacles[..., 2] - state[..., 1:2])
        along = (dx * cos + dy * sin).abs().maximum((dx * other_cos + dy * other_sin).abs())
        across = (dy * cos - dx * sin).abs().maximum((dy * other_cos - dx * other_sin).abs())
        # the cars are alike, so what one reaches along the other's axis is what that one reaches along its own
        cos_turn, sin_turn = (cos * other_cos + sin * other_sin).abs(), (sin * other_cos - cos * other_sin).abs()
        length, width = 0.5 * self.car_length, 0.5 * self.car_width
        gap_along = along - (length + length * cos_turn + width * sin_turn)
        gap_across = across - (width + length * sin_turn + width * cos_turn)
        return gap_along.maximum(gap_across)


class ParkingValue(nn.Module):
    """What the end of a plan is worth: the distance and the speed there, as if they lasted for ``steps`` more.

    This is the cure for the car that waits beside its spot. Over the 5 s of a plan, leaving and coming back costs more than staying
    a little off: the best plan is to stay. With the end counting for longer than the plan itself, the way out and back in pays.

    Args:
        steps: model steps that the end stands for. reward: whose distance and speed terms count; the walls are no part of it.
    """

    def __init__(self, steps: float = 40.0, reward: ParkingReward | None = None) -> None:
        super().__init__()
        if not 0.0 <= steps < float("inf"):
            raise ValueError(f"steps must be finite and not negative, got steps={steps}")
        self.steps, self.reward = steps, reward or ParkingReward()

    def forward(self, state: Tensor, goal: Tensor) -> Tensor:
        """state [..., 6], goal [6] or [..., 6] -> value [...]."""
        reward: Tensor = self.reward.distance(state, goal)
        return self.steps * (reward - self.reward.speed_cost(state, goal))
