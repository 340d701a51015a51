"""Tasks: one environment a file. A task knows how to make its environment, read its observations and measure an episode."""

from collections.abc import Callable
from functools import partial
from typing import Any

from .balance import Balance, BalanceTracker
from .cartpole import CartPole
from .cartpole_swingup import CartPoleSwingUp, SwingUpTracker
from .delayed import Delayed
from .gym_task import GymTask, Tracker
from .half_cheetah import HalfCheetah, HalfCheetahTracker
from .inverted_pendulum import InvertedPendulum
from .parking import Parking
from .parking_tracker import ParkingTracker
from .pendulum import Pendulum, PendulumTracker
from .reacher import Reacher, ReacherTracker

TASKS: dict[str, Callable[[], Any]] = {
    "parking": Parking,
    "parking-parked": partial(Parking, parked_cars=10),
    "pendulum": Pendulum,
    "cartpole": CartPole,
    "cartpole-swingup": CartPoleSwingUp,
    "inverted-pendulum": InvertedPendulum,
    "reacher": Reacher,
    "half-cheetah": HalfCheetah,
}

__all__ = [
    "TASKS",
    "Balance",
    "BalanceTracker",
    "CartPole",
    "CartPoleSwingUp",
    "Delayed",
    "GymTask",
    "HalfCheetah",
    "HalfCheetahTracker",
    "InvertedPendulum",
    "Parking",
    "ParkingTracker",
    "Pendulum",
    "PendulumTracker",
    "Reacher",
    "ReacherTracker",
    "SwingUpTracker",
    "Tracker",
]
