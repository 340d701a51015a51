"""CEM's variants in PyTorch, each a small function: the specification of what C++ adds to the twin in ``reference.cem``.

Truncated normals as in PETS, a full covariance, categorical actions, and objectives over members or particles.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_INSIDE = math.erf(math.sqrt(2.0))  # of a standard normal, the share within ±2


def truncated(z: Tensor) -> Tensor:
    """Standard normals as normals truncated at ±2, in the same order: the quantile of (1 - 2Φ(-2))·Φ(z) + Φ(-2)."""
    quantiles: Tensor = math.sqrt(2.0) * torch.special.erfinv(_INSIDE * torch.special.erf(z.double() / math.sqrt(2.0)))
    return quantiles


def constrained_std(mean: Tensor, std: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """At most half the way to the nearer bound, so that ±2 of it stay inside (Chua et al. 2018)."""
    return torch.minimum(std, torch.minimum(mean - low, high - mean) / 2)


def oracle_shrinkage(correlation: Tensor, samples: int) -> float:
    """Weight of the diagonal: Chen, Wiesel, Eldar & Hero 2010, eq. 23, of a correlation matrix [p, p] of so many samples."""
    p, squares = len(correlation), float((correlation**2).sum())
    against = (samples + 1 - 2 / p) * (squares - p)
    return min(1.0, ((1 - 2 / p) * squares + p**2) / against) if against > 0 else 1.0


def correlation(elites: Tensor, old: Tensor, momentum: float = 0.0, shrinkage: float | None = None) -> Tensor:
    """elites [K, E] → the correlation matrix [E, E] to draw from, shrunk to its diagonal and blended with the old one."""
    elites = elites.double()
    std = elites.std(0, unbiased=False)
    standard = torch.where(std > 0, (elites - elites.mean(0)) / std, torch.zeros_like(elites))
    matrix = standard.T @ standard / len(elites)
    matrix.fill_diagonal_(1.0)
    weight = oracle_shrinkage(matrix, len(elites)) if shrinkage is None else shrinkage
    blended = momentum * old + (1 - momentum) * (1 - weight) * matrix
    return blended.fill_diagonal_(1.0)


def values(low: float, high: float, choices: int) -> Tensor:
    """What a discrete action can be [choices]."""
    return torch.linspace(low, high, choices, dtype=torch.float64).float()


def drawn(z: Tensor, probabilities: Tensor) -> Tensor:
    """Standard normals [...] → indices of choices with these probabilities [n]: cut at the quantiles."""
    cuts = torch.special.ndtri(probabilities.double().cumsum(0)[:-1])
    chosen: Tensor = (z.double()[..., None] > cuts).sum(-1)
    return chosen


def refitted(probabilities: Tensor, indices: Tensor, momentum: float, min_probability: float) -> Tensor:
    """Probabilities [n] on the elites' indices [K]; each keeps at least the least probability."""
    counts = torch.bincount(indices, minlength=len(probabilities)) / len(indices)
    blended = momentum * probabilities + (1 - momentum) * counts
    return min_probability + (1 - len(probabilities) * min_probability) * blended


def objective(returns: Tensor, name: str = "mean", risk: float = 0.0, members: int | None = None) -> Tensor:
    """Returns [P, N] of trajectories, a member's side by side (None: one each) → [N]; not finite where one of them is not."""
    returns, members = returns.double(), members or len(returns)
    ordered, mean = returns.sort(0).values, returns.mean(0)
    if name == "mean_std":
        result = mean + risk * returns.std(0, unbiased=False)
    elif name == "mean_within":
        result = mean + risk * returns.reshape(members, -1, *mean.shape).var(1, unbiased=False).mean(0).sqrt()
    elif name == "mean_between":
        result = mean + risk * returns.reshape(members, -1, *mean.shape).mean(1).std(0, unbiased=False)
    elif name == "entropic":
        result = ((risk * returns).logsumexp(0) - math.log(len(returns))) / risk
    elif name == "worst":
        result = ordered[0]
    elif name == "cvar":
        mass = max(risk * len(returns), 1.0)
        weights = (mass - torch.arange(len(returns))).clamp(0.0, 1.0)
        result = (weights[:, None] * ordered).sum(0) / mass
    else:
        return mean
    return torch.where(mean.isfinite(), result, mean)
