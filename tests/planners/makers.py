"""Makers of small planners of each kind, with the settings that a test module is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

import mbrl_fast as mf
from mbrl_fast.planners import REGISTRY, Planner, SamplingPlanner

SHAPE: dict[str, Any] = {"horizon": 4, "steps_per_knot": 2, "seed": 3}
RICH: dict[str, Any] = {
    "population": 50, "elites": 6, "iterations": 3, "keep_elites": 2, "fresh_fraction": 0.2, "noise_beta": 1.0, "refit_std": True,
    "include_mean": True, "discount": 0.95,
}  # fmt: skip
"""What makes a planner fast and uses its features: each takes what its settings have."""
SAMPLERS = sorted(name for name, planner in REGISTRY.items() if issubclass(planner, SamplingPlanner))


def known_to(kind: type[Planner], settings: dict[str, Any]) -> dict[str, Any]:
    """What its settings have of these."""
    names = {field.name for field in fields(kind.settings_type)}
    return {name: value for name, value in settings.items() if name in names}


def takes(kind: type[Planner], settings: dict[str, Any]) -> bool:
    """Whether its settings may be these."""
    try:
        kind.settings_type(**settings)
    except (TypeError, ValueError):
        return False
    return True


SMALL = {name: known_to(kind, {**SHAPE, **RICH}) for name, kind in REGISTRY.items()}


def makers(variants: dict[str, dict[str, Any]], problem: str = "small") -> Any:
    """A fixture: makers of small planners of every kind that samples, with every one of the variants that it can be told.

    ``problem`` names the fixture of the Problem, or of what was exported, on which they plan unless they are told another.
    """
    named = [(name, variant) for name in SAMPLERS for variant in variants]
    cases = [(name, variant) for name, variant in named if takes(REGISTRY[name], {**SMALL[name], **variants[variant]})]

    @pytest.fixture(params=cases, ids=[f"{name}, {variant}" for name, variant in cases])
    def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
        name, variant = request.param
        given = request.getfixturevalue(problem)
        usual = getattr(given, "problem", given)

        def maker(problem: mf.Problem | None = None, **settings: Any) -> Any:
            return REGISTRY[name](problem or usual, **{**SMALL[name], **variants[variant], **settings})

        return maker

    return make
