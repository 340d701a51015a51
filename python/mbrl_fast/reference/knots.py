"""From knots to one action for each model step, and back: constant matrices, as the sampling planners in C++ have them."""

from __future__ import annotations

import torch
from torch import Tensor


def boundaries(parts: int, total: int, growth: float) -> list[int]:
    """Where ``parts`` parts begin and the last one ends, 0 … total: each ``growth`` times as long as the one before it, rounded
    to whole steps, none without a step."""
    begins = [0]
    for k in range(1, parts + 1):
        share = k / parts if growth == 1 else (growth ** (k - parts) - growth**-parts) / (1 - growth**-parts)
        begins.append(min(max(int(share * total + 0.5), begins[-1] + 1), total - (parts - k)))
    return begins


def knot_steps(horizon: int, steps_per_knot: int, interpolation: str = "hold", growth: float = 1.0) -> list[int]:
    """The model step of each knot [H]: where it begins to be held, or through which it is interpolated."""
    steps = horizon * steps_per_knot
    if interpolation == "hold":
        return boundaries(horizon, steps, growth)[:-1]
    return [0] if horizon == 1 else boundaries(horizon - 1, steps - 1, growth)


def expansion(
    horizon: int, steps_per_knot: int, interpolation: str = "hold", growth: float = 1.0, kernel_width: float = 1.0
) -> Tensor:
    """W [T, H], T = horizon · steps_per_knot: actions of knots, ``(W @ knots).clamp(low, high)``.

    hold: zero order; linear; cubic: Hermite with slopes of finite differences (mujoco_mpc); rbf: K(t, knots) K(knots, knots)⁻¹
    with a Gaussian kernel over the time in knots (KMPPI of pytorch_mppi).
    """
    at = torch.tensor(knot_steps(horizon, steps_per_knot, interpolation, growth), dtype=torch.float64)
    steps = torch.arange(horizon * steps_per_knot, dtype=torch.float64)
    knot = torch.searchsorted(at, steps, right=True) - 1
    unit = torch.eye(horizon, dtype=torch.float64)
    if interpolation == "hold" or horizon == 1:
        return unit[knot].float()
    gaps, knot = at.diff(), knot.clamp(max=horizon - 2)
    part = ((steps - at[knot]) / gaps[knot])[:, None]
    if interpolation == "linear":
        return ((1 - part) * unit[knot] + part * unit[knot + 1]).float()
    if interpolation == "rbf":
        index = torch.arange(horizon, dtype=torch.float64)
        among, to = (torch.exp(-((t[:, None] - index) ** 2) / (2 * kernel_width**2)) for t in (index, knot + part[:, 0]))
        weights: Tensor = torch.linalg.solve(among, to.T)
        return weights.T.float()
    secant = unit.diff(dim=0) / gaps[:, None]  # [H - 1, H]
    slope = torch.cat([secant[:1], (secant[1:] + secant[:-1]) / 2, secant[-1:]])
    x, gap = part, gaps[knot][:, None]
    cubic: Tensor = (
        (2 * x**3 - 3 * x**2 + 1) * unit[knot] + (x**3 - 2 * x**2 + x) * gap * slope[knot]
        + (3 * x**2 - 2 * x**3) * unit[knot + 1] + (x**3 - x**2) * gap * slope[knot + 1]
    )  # fmt: skip
    return cubic.float()


def projection(horizon: int, steps_per_knot: int, interpolation: str = "hold", growth: float = 1.0) -> Tensor:
    """P [H, T], knots of actions: what these do at a knot's time or, held, on average while the knot lasts. P @ W is 1."""
    steps = horizon * steps_per_knot
    at = knot_steps(horizon, steps_per_knot, interpolation, growth)
    ends = [*at[1:], steps] if interpolation == "hold" else [k + 1 for k in at]
    read = torch.zeros(horizon, steps)
    for row, begin, end in zip(read, at, ends, strict=True):
        row[begin:end] = 1 / (end - begin)
    return read


def shifted(knots: Tensor, expand: Tensor, project: Tensor, moved: float, low: Tensor, high: Tensor) -> Tensor:
    """Knots [..., H, A] of the plan that ``knots`` make, ``moved`` model steps later; its last action is repeated."""
    actions = (expand @ knots).clamp(low, high)
    at = torch.arange(actions.shape[-2]) + moved
    before, after = (actions[..., i.clamp(max=actions.shape[-2] - 1), :] for i in (at.floor().long(), at.floor().long() + 1))
    later = (before + (at - at.floor())[:, None].float() * (after - before)).clamp(low, high)
    return (project @ later).clamp(low, high)
