"""Problem.sample: the numbers are those of mbrl_fast.noise, and what CEM draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported


def test_candidates_are_clipped_normals_around_the_mean(small: Exported) -> None:
    mean = np.linspace(-0.5, 0.5, 10, dtype=np.float32).reshape(5, 2)
    std = np.linspace(0.0, 1.5, 10, dtype=np.float32).reshape(5, 2)
    drawn = small.problem.sample(mean, std, 37, seed=1, stream=2, plan=3, iteration=4)
    normals = mf.noise(1, 2, 3, 4, 37, 10).reshape(37, 5, 2)
    expected = np.clip(mean + std * normals, small.problem.action_low, small.problem.action_high)
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn, expected, rtol=0, atol=2e-7)
    assert (drawn >= small.problem.action_low).all()
    assert (drawn <= small.problem.action_high).all()


def test_they_are_the_first_candidates_of_cem(small: Exported) -> None:
    low, high = small.problem.action_low, small.problem.action_high
    planner = mf.CEM.notebook(small.problem, population=50, elites=10, seed=3)
    first = planner.plan(STATE, goal=GOAL, trace=True).trace[0]
    std = planner.settings.init_std * (high - low) / 2
    drawn = small.problem.sample(np.tile((low + high) / 2, (5, 1)), np.tile(std, (5, 1)), 50, seed=3)
    np.testing.assert_array_equal(drawn, first.actions)


@pytest.mark.parametrize(
    ("mean", "std", "population", "sentence"),
    [
        (np.zeros((5, 3)), np.zeros((5, 2)), 4, r"^mean must have shape \[any, 2\], got \[5, 3\]$"),
        (np.zeros((5, 2)), np.zeros((4, 2)), 4, r"^std must have shape \[5, 2\], got \[4, 2\]$"),
        (np.zeros((5, 2)), np.full((5, 2), -0.5), 4, r"^std must be >= 0, got std\[0, 0\] = -0.5$"),
        (np.full((5, 2), np.nan), np.zeros((5, 2)), 4, r"^mean must be finite, got mean\[0, 0\] = nan$"),
        (np.zeros((0, 2)), np.zeros((0, 2)), 4, r"^mean must hold at least one action, got shape \[0, 2\]$"),
        (np.zeros((5, 2)), np.zeros((5, 2)), 0, r"^population must be >= 1, got 0$"),
    ],
)
def test_what_does_not_fit_is_refused(small: Exported, mean: Any, std: Any, population: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        small.problem.sample(mean, std, population)
