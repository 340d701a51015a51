"""Tasks: one environment a file. A task knows how to make its environment, read its observations and measure an episode."""

from .delayed import Delayed
from .parking import Parking
from .parking_tracker import ParkingTracker

TASKS: dict[str, type[Parking]] = {"parking": Parking}

__all__ = ["TASKS", "Delayed", "Parking", "ParkingTracker"]
