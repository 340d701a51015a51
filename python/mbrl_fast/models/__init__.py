"""Dynamics models: ordinary torch modules, ``forward(state, action) -> next_state``. One idea a file."""

from .bicycle import Bicycle
from .lti import LTI

__all__ = ["LTI", "Bicycle"]
