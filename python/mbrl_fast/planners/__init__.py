"""Planners: settings and the Python face of each; the loops run in C++."""

from mbrl_fast.planners.cem import CEM, CEMSettings
from mbrl_fast.planners.gradient_shooting import GradientShooting, GradientShootingSettings
from mbrl_fast.planners.ilqr import ILQR, ILQRSettings
from mbrl_fast.planners.plan import Iteration, Plan, PlanBatch, PlanStats
from mbrl_fast.planners.planner import Planner, SamplingPlanner
from mbrl_fast.planners.refined import Refined
from mbrl_fast.planners.settings import PlannerSettings, SamplingSettings
from mbrl_fast.planners.snapshot import Replay, replay

REGISTRY: dict[str, type[Planner]] = {planner.name: planner for planner in (CEM, GradientShooting, ILQR)}
"""Every planner by name: the contract tests run over it."""

__all__ = [
    "CEM",
    "REGISTRY",
    "CEMSettings",
    "GradientShooting",
    "GradientShootingSettings",
    "ILQR",
    "ILQRSettings",
    "Refined",
    "Iteration",
    "Plan",
    "PlanBatch",
    "PlanStats",
    "Planner",
    "PlannerSettings",
    "Replay",
    "SamplingPlanner",
    "SamplingSettings",
    "replay",
]
