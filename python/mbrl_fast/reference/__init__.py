"""The planners in pure PyTorch: what the C++ planners are held against, and the baseline they are timed against."""

from .cem import CEM, CEMPlan
from .colour import coloured_factor
from .notebook import DynamicsModel, cem_planner, train_notebook_model

__all__ = ["CEM", "CEMPlan", "DynamicsModel", "cem_planner", "coloured_factor", "train_notebook_model"]
