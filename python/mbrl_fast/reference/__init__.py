"""The planners in pure PyTorch: what the C++ planners are held against, and the baseline they are timed against."""

from .cem import CEM
from .colour import coloured_factor
from .gradient_shooting import GradientShooting
from .icem import ICEM
from .ilqr import ILQR
from .mppi import MPPI
from .notebook import DynamicsModel, cem_planner, train_notebook_model
from .planner import Planner, TwinPlan
from .predictive_sampling import PredictiveSampling
from .random_shooting import RandomShooting
from .sampling import SamplingPlanner

__all__ = [
    "CEM",
    "ICEM",
    "ILQR",
    "MPPI",
    "DynamicsModel",
    "GradientShooting",
    "Planner",
    "PredictiveSampling",
    "RandomShooting",
    "SamplingPlanner",
    "TwinPlan",
    "cem_planner",
    "coloured_factor",
    "train_notebook_model",
]
