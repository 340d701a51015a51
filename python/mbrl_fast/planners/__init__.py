"""Planners: settings and the Python face of each; the loops run in C++."""

from mbrl_fast.planners.cem import CEM, CEMSettings
from mbrl_fast.planners.gradient_shooting import GradientShooting, GradientShootingSettings
from mbrl_fast.planners.icem import ICEM, ICEMSettings
from mbrl_fast.planners.ilqr import ILQR, ILQRSettings
from mbrl_fast.planners.mppi import MPPI, MPPISettings
from mbrl_fast.planners.plan import Iteration, Plan, PlanBatch, PlanStats
from mbrl_fast.planners.planner import Planner, SamplingPlanner
from mbrl_fast.planners.predictive_sampling import PredictiveSampling, PredictiveSamplingSettings
from mbrl_fast.planners.random_shooting import RandomShooting, RandomShootingSettings
from mbrl_fast.planners.refined import Refined
from mbrl_fast.planners.settings import PlannerSettings, SamplingSettings
from mbrl_fast.planners.snapshot import Replay, replay

REGISTRY: dict[str, type[Planner]] = {
    planner.name: planner for planner in (CEM, GradientShooting, ICEM, ILQR, MPPI, PredictiveSampling, RandomShooting)
}
"""Every planner by name: the contract tests run over it."""

__all__ = [
    "CEM",
    "ICEM",
    "ILQR",
    "MPPI",
    "REGISTRY",
    "CEMSettings",
    "GradientShooting",
    "GradientShootingSettings",
    "ICEMSettings",
    "ILQRSettings",
    "Iteration",
    "MPPISettings",
    "Plan",
    "PlanBatch",
    "PlanStats",
    "Planner",
    "PlannerSettings",
    "PredictiveSampling",
    "PredictiveSamplingSettings",
    "RandomShooting",
    "RandomShootingSettings",
    "Refined",
    "Replay",
    "SamplingPlanner",
    "SamplingSettings",
    "replay",
]
