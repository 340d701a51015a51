"""Gradient shooting: the twin's numbers given the same starts, and what projection and restarts are for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported
from mbrl_fast.reference import GradientShooting as Twin

SETTINGS: dict[str, Any] = {"horizon": 8, "steps_per_knot": 2, "population": 6, "iterations": 5, "noise_beta": 0.0}


def test_it_climbs_as_the_twin_does(small: Exported) -> None:
    bounds = small.problem.action_low, small.problem.action_high
    for more in ({}, {"warm_start": True, "noise_beta": 1.5}, {"max_rate": 1.0, "discount": 0.9}):
        settings = {**SETTINGS, "warm_start": False, "seed": 5, **more}
        planner = mf.GradientShooting(small.problem, **settings)
        twin = Twin(small.dynamics, small.reward, *bounds, noise=mf.noise, **settings, dt=0.2)
        for step in range(2):
            plan, expected = (each.plan(STATE + 0.1 * step, goal=GOAL) for each in (planner, twin))
            assert plan.value == pytest.approx(expected.value, rel=1e-4)
            np.testing.assert_allclose(plan.actions, expected.actions, rtol=0, atol=2e-3)


def test_more_steps_are_not_worse(small: Exported) -> None:
    values = [mf.GradientShooting(small.problem, **{**SETTINGS, "iterations": n}).plan(STATE, goal=GOAL).value for n in (1, 5, 40)]
    assert values == sorted(values)
    assert values[0] < values[-1]


def test_it_is_never_worse_than_a_candidate(small: Exported) -> None:
    best = mf.CEM(small.problem, horizon=8, steps_per_knot=2, population=300).plan(STATE, goal=GOAL)
    plan = mf.GradientShooting(small.problem, **SETTINGS).plan(STATE, goal=GOAL, candidates=best.actions[None])
    assert plan.value >= best.value


def test_restarts_find_what_one_start_does_not() -> None:
    """Two hills: the higher one is not where the middle of the bounds leads."""

    def hills(state: Tensor, action: Tensor) -> Tensor:
        x = action[..., 0]
        return torch.exp(-20 * (x - 0.2) ** 2) + 2 * torch.exp(-20 * (x + 0.7) ** 2)

    problem = mf.export(lambda state, action: state, hills, state_size=1, action_size=1, action_low=-1, action_high=1, dt=0.1)
    settings = {"horizon": 1, "iterations": 60, "init_std": 1.0, "step_size": 0.05}
    alone = mf.GradientShooting(problem, population=1, **settings).plan([0.0])
    many = mf.GradientShooting(problem, population=16, **settings).plan([0.0])
    assert alone.action[0] == pytest.approx(0.2, abs=0.02)
    assert many.action[0] == pytest.approx(-0.7, abs=0.02)


def test_wrong_settings_are_named(small: Exported) -> None:
    for settings, sentence in (
        ({"step_size": 0.0}, "^step_size must be > 0 and finite, got 0$"),
        ({"momentum": 1.0}, r"^momentum must be in \[0, 1\), got 1$"),
        ({"objective": "worst"}, "^gradient shooting climbs the mean over members or particles: objective must be mean$"),
    ):
        with pytest.raises(ValueError, match=sentence):
            mf.GradientShooting(small.problem, **settings)  # type: ignore[arg-type]
