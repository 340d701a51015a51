"""Tasks: one environment a file. A task knows how to make its environment, read its observations and measure an episode."""

from collections.abc import Callable
from functools import partial
from typing import Any

from .delayed import Delayed
from .parking import Parking
from .parking_tracker import ParkingTracker
from .pendulum import Pendulum, PendulumTracker

TASKS: dict[str, Callable[[], Any]] = {
    "parking": Parking,
    "parking-parked": partial(Parking, parked_cars=10),
    "pendulum": Pendulum,
}

__all__ = ["TASKS", "Delayed", "Parking", "ParkingTracker", "Pendulum", "PendulumTracker"]
