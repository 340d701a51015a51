"""Rewards: torch modules that say how good a step is, bound by the names of their arguments. Always maximised."""

from .forward import ForwardReward
from .goal_distance import GoalDistance
from .limits import Beyond, Middle, Within
from .parking import ParkedCarsReward, ParkingReward, ParkingValue
from .pendulum import PendulumReward
from .reach import ReachReward
from .swing_up import SwingUpReward

__all__ = [
    "Beyond",
    "ForwardReward",
    "GoalDistance",
    "Middle",
    "ParkedCarsReward",
    "ParkingReward",
    "ParkingValue",
    "PendulumReward",
    "ReachReward",
    "SwingUpReward",
    "Within",
]
