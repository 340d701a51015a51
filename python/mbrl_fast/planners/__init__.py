"""Planners: settings and the Python face of each; the loops run in C++."""

from mbrl_fast.planners.cem import CEM
from mbrl_fast.planners.cem_settings import CEMSettings
from mbrl_fast.planners.plan import Iteration, Plan, PlanBatch, PlanStats
from mbrl_fast.planners.snapshot import Replay, replay

REGISTRY = {"cem": CEM}
"""Every planner by name: the contract tests run over it."""

__all__ = ["CEM", "REGISTRY", "CEMSettings", "Iteration", "Plan", "PlanBatch", "PlanStats", "Replay", "replay"]
