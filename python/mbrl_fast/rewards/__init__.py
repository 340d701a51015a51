"""Rewards: torch modules that say how good a step is, bound by the names of their arguments. Always maximised."""

from .goal_distance import GoalDistance
from .parking import ParkedCarsReward, ParkingReward, ParkingValue
from .pendulum import PendulumReward

__all__ = ["GoalDistance", "ParkedCarsReward", "ParkingReward", "ParkingValue", "PendulumReward"]
