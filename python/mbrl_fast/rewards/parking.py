"""What a driver knows about parking: the spot, the walls, and that parked means stopped."""

from __future__ import annotations

from collections.abc import Sequence

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
        return reward - self._wall_cost(next_state) - self._speed_cost(next_state, goal)

    def _wall_cost(self, state: Tensor) -> Tensor:
        """Walls run along the axes, so the footprint's reach along each axis tells exactly whether a corner touches."""
        cos, sin = state[..., 4].abs(), state[..., 5].abs()
        reach_x = 100.0 * state[..., 0].abs() + 0.5 * (self.car_length * cos + self.car_width * sin)
        reach_y = 100.0 * state[..., 1].abs() + 0.5 * (self.car_length * sin + self.car_width * cos)
        beyond = (reach_x - self.half_length).maximum(reach_y - self.half_width)
        return self.wall_penalty * (1.0 + beyond / self.wall_margin).clamp(0.0, 1.0)

    def _speed_cost(self, state: Tensor, goal: Tensor) -> Tensor:
        speed = 5.0 * (state[..., 2].square() + state[..., 3].square()).clamp_min(1e-12).sqrt()
        offset = 100.0 * (state[..., :2] - goal[..., :2]).abs().sum(-1)
        return self.speed_weight * speed * (1.0 - offset / self.speed_radius).clamp_min(0.0)
