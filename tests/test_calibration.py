"""Calibration: of models whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mbrl_fast.calibration import calibrate
from mbrl_fast.data import Transitions


class Known(nn.Module):
    """Says that the state stays, give or take its own idea of the noise."""

    def __init__(self, std: tuple[float, ...], offset: float = 0.0) -> None:
        super().__init__()
        self.std, self.offset = std, offset

    def forward(self, state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        return state + self.offset, torch.tensor(self.std).expand_as(state)


def noisy(std: tuple[float, ...] = (0.1, 2.0), count: int = 20_000) -> Transitions:
    generator = np.random.default_rng(0)
    states = generator.normal(size=(count, len(std))).astype(np.float32)
    after = (states + np.array(std) * generator.normal(size=states.shape)).astype(np.float32)
    zeros = np.zeros(count, np.int64)
    return Transitions(states, np.zeros((count, 1), np.float32), after, zeros, zeros > 0)


def test_a_model_that_knows_the_noise_is_calibrated() -> None:
    measured = calibrate(Known((0.1, 2.0)), noisy())
    np.testing.assert_allclose(measured.coverage, [[0.5] * 2, [0.8] * 2, [0.9] * 2, [0.95] * 2], atol=0.012)
    np.testing.assert_allclose(measured.standardised_error, 1.0, atol=0.015)
    entropy = 0.5 * np.log(2 * np.pi * np.e * np.array([0.01, 4.0])).mean()
    assert measured.negative_log_likelihood == pytest.approx(entropy, abs=0.02)
    assert measured.steps == 20_000


def test_one_that_is_too_sure_covers_less_and_one_that_is_not_sure_enough_more() -> None:
    measured = calibrate(Known((0.05, 4.0)), noisy(), levels=(0.5, 0.9))
    np.testing.assert_allclose(measured.standardised_error, [2.0, 0.5], rtol=0.02)
    assert (measured.coverage[:, 0] < [0.3, 0.65]).all()
    assert (measured.coverage[:, 1] > [0.7, 0.99]).all()


def test_members_count_as_their_mixture() -> None:
    apart = calibrate([Known((0.1,), 0.3), Known((0.1,), -0.3)], noisy((0.1,)))
    assert apart.standardised_error[0] == pytest.approx(0.1 / np.hypot(0.1, 0.3), rel=0.02)


def test_steps_that_crashed_are_left_out() -> None:
    data = noisy(count=100)
    wrecked = data.next_states.copy()
    wrecked[::2] += 1e6
    crashed = np.arange(100) % 2 == 0
    measured = calibrate(Known((0.1, 2.0)), Transitions(data.states, data.actions, wrecked, data.episodes, crashed))
    assert measured.steps == 50
    assert measured.standardised_error.max() < 2.0


def test_what_cannot_be_measured_is_refused() -> None:
    data = noisy(count=10)
    with pytest.raises(ValueError, match=r"levels must be between 0 and 1, got levels=\[0.5, 1.0\]"):
        calibrate(Known((0.1, 2.0)), data, levels=(0.5, 1.0))
    with pytest.raises(ValueError, match="models that give a standard deviation greater than 0, got 0"):
        calibrate(Known((0.1, 0.0)), data)
    everything = Transitions(data.states, data.actions, data.next_states, data.episodes, np.ones(10, np.bool_))
    with pytest.raises(ValueError, match="at least one step that did not crash, got none"):
        calibrate(Known((0.1, 2.0)), everything)
