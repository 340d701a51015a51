"""Coloured noise along a plan: neighbouring actions vary together (Pinneri et al. 2020, arXiv 2008.06389)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def coloured_factor(horizon: int, beta: float) -> Tensor:
    """Lower Cholesky factor L [H, H]: L·(white noise) has unit variance and a power spectrum ∝ 1/f^beta along the horizon.

    The spectrum is sampled at the frequencies k/(2H), k = 0…H, and held flat below 1/(2H). Twice the horizon, because noise
    of period H would tie the end of a plan to its beginning.
    """
    frequency = np.arange(horizon + 1) / (2.0 * horizon)
    power = np.maximum(frequency, 0.5 / horizon) ** -beta
    power[1:-1] *= 2.0  # each frequency between the ends stands for ±f
    lag = np.arange(horizon)
    correlation = np.cos(2.0 * np.pi * lag[:, None] * frequency) @ power / power.sum()
    # steep spectra make the matrix singular to rounding
    covariance = correlation[np.abs(lag[:, None] - lag)] + 1e-6 * np.eye(horizon)
    return torch.from_numpy(np.linalg.cholesky(covariance)).float()
