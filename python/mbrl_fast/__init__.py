"""Real-time planning with learned dynamics: train in PyTorch, export, plan in C++.

``import mbrl_fast``, loading a Problem file and planning need NumPy alone; what needs more is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mbrl_fast._core import build_info, noise
from mbrl_fast.agent import Agent
from mbrl_fast.planners import (
    CEM,
    ICEM,
    ILQR,
    MPPI,
    CEMSettings,
    GradientShooting,
    GradientShootingSettings,
    ICEMSettings,
    ILQRSettings,
    MPPISettings,
    Plan,
    PlanBatch,
    PlanStats,
    PredictiveSampling,
    PredictiveSamplingSettings,
    RandomShooting,
    RandomShootingSettings,
    Refined,
    replay,
)
from mbrl_fast.problem import Problem, load

if TYPE_CHECKING:
    from mbrl_fast import plot
    from mbrl_fast.export import ExportError, export
    from mbrl_fast.planners.collocation import Collocation
    from mbrl_fast.teaching import check_planner

__version__: str = build_info()["version"]

_LAZY = {
    "check_planner": "mbrl_fast.teaching",
    "export": "mbrl_fast.export",
    "ExportError": "mbrl_fast.export",
    "Collocation": "mbrl_fast.planners.collocation",
}
_LAZY_MODULES = {
    "data", "episode", "evaluation", "hub", "metrics", "minari_io", "models", "online", "onnx_io", "plot", "reference",
    "report", "rewards", "sweep", "tasks", "teaching", "training", "vector_evaluation",
}  # fmt: skip
_EXTRA = {"torch": "train", "tqdm": "train", "gymnasium": "envs", "highway_env": "envs", "matplotlib": "train"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY and name not in _LAZY_MODULES:
        raise AttributeError(f"module 'mbrl_fast' has no attribute {name!r}")
    try:
        module = importlib.import_module(_LAZY.get(name, f"mbrl_fast.{name}"))
    except ModuleNotFoundError as error:
        extra = _EXTRA.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        raise ImportError(f"mbrl_fast.{name} needs {error.name}: pip install 'mbrl-fast[{extra}]'") from error
    return getattr(module, name) if name in _LAZY else module


__all__ = [
    "CEM",
    "ICEM",
    "ILQR",
    "MPPI",
    "Agent",
    "CEMSettings",
    "Collocation",
    "ExportError",
    "GradientShooting",
    "GradientShootingSettings",
    "ICEMSettings",
    "ILQRSettings",
    "MPPISettings",
    "Plan",
    "PlanBatch",
    "PlanStats",
    "PredictiveSampling",
    "PredictiveSamplingSettings",
    "Problem",
    "RandomShooting",
    "RandomShootingSettings",
    "Refined",
    "build_info",
    "check_planner",
    "export",
    "load",
    "noise",
    "plot",
    "replay",
]
