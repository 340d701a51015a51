"""Tasks: one environment a file. A task knows how to make its environment, read its observations and measure an episode."""

from .delayed import Delayed
from .parking import Parking
from .parking_tracker import ParkingTracker
from .pendulum import Pendulum, PendulumTracker

TASKS: dict[str, type[Parking] | type[Pendulum]] = {"parking": Parking, "pendulum": Pendulum}

__all__ = ["TASKS", "Delayed", "Parking", "ParkingTracker", "Pendulum", "PendulumTracker"]
