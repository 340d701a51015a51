"""Gradient shooting: projected Adam (Kingma & Ba 2015, arXiv 1412.6980) on whole action sequences, many of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mbrl_fast import _core
from mbrl_fast.planners.planner import Planner
from mbrl_fast.planners.settings import PlannerSettings


@dataclass(frozen=True, kw_only=True)
class GradientShootingSettings(PlannerSettings):
    """Settings of gradient shooting, beside those of :class:`PlannerSettings`.

    Attributes:
        population: starts that climb side by side: the last plan, shifted, and others drawn around it.
        iterations: steps of each.
        step_size: of Adam, in units of half the action range.
        momentum, second_momentum: Adam's β₁ and β₂.
        init_std: of the starts, in units of half the action range.
        noise_beta: power spectrum 1/f^beta of the starts along the horizon; 0 is white.
    """

    native_type: ClassVar[Any] = _core.GradientShootingSettings

    horizon: int = 25
    steps_per_knot: int = 1
    population: int = 16
    iterations: int = 20
    step_size: float = 0.1
    momentum: float = 0.9
    second_momentum: float = 0.99
    init_std: float = 0.5
    noise_beta: float = 2.0


class GradientShooting(Planner):
    """Plans by climbing the gradient of the return from many starts, in C++.

    Every step is ``u ← clip(u + step_size · half range · Adam(∂return/∂u))`` with reverse mode through the exported modules; the
    answer is the best sequence seen. Cf. Bharadhwaj et al. 2020 (arXiv 2004.08763), §4.
    """

    name = "gradient_shooting"
    settings_type = GradientShootingSettings
