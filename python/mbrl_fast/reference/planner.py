"""What all planners share, in pure PyTorch: settings, noise, a plan that moves on in time, limits and the return of actions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from .particles import ITERATION, particles, sampled

Noise = Callable[[int, int, int, int, int, int], Any]
"""(seed, stream, plan, iteration, population, elements) -> [population, elements] standard normals, as ``mbrl_fast.noise``."""


class TwinPlan(NamedTuple):
    """action [A]; actions [H, A]; value: the return of those actions; elites: per iteration the best [K], best first."""

    action: Tensor
    actions: Tensor
    value: float
    elites: list[Tensor]


class Planner:
    """Plans over H knots, each held for ``steps_per_knot`` model steps.

    Args:
        dynamics: the members, each (state [N, S], action [N, A]) -> next_state [N, S] or (mean, std).
        reward: bound by the names of its arguments among state, action, next_state and the inputs of ``plan``; returns [N].
        action_low, action_high: [A]; noise: see ``Noise``, torch's own generator by default; settings: override ``DEFAULTS``;
            ``dt`` is the problem's, for ``max_rate``. There is no executed action: the first knot is free.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "horizon": 5, "steps_per_knot": 5, "discount": 1.0, "warm_start": False, "max_rate": None, "seed": 0, "dt": 1.0,
        "particles": 0, "propagation": "ts_inf",
    }  # fmt: skip

    def __init__(
        self, dynamics: Sequence[Callable[..., Tensor]], reward: Callable[..., Tensor], action_low: Any, action_high: Any,
        noise: Noise | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        if unknown := settings.keys() - self.DEFAULTS.keys():
            raise TypeError(f"unknown setting {sorted(unknown)[0]!r}; known: {', '.join(self.DEFAULTS)}")
        self.s = {**self.DEFAULTS, **settings}
        self.dynamics, self.reward = list(dynamics), reward
        self.wanted = inspect.signature(getattr(reward, "forward", reward)).parameters
        low, high = (torch.as_tensor(bound, dtype=torch.float32) for bound in (action_low, action_high))
        self.low, self.high, self.mid, self.half = low, high, (low + high) / 2, (high - low) / 2
        self.generator = torch.Generator().manual_seed(self.s["seed"])
        self.noise = noise or (lambda seed, stream, plan, iteration, n, e: torch.randn(n, e, generator=self.generator))
        self.reset()

    def reset(self) -> None:
        """Forget the last plan and begin the noise counter anew."""
        self.plans = 0
        self.drawn: tuple[int, Tensor, Tensor] | None = None
        self.generator.manual_seed(self.s["seed"])

    def _shift(self, actions: Tensor, steps: float = 1.0) -> Tensor:
        """[..., H, A] moved by ``steps`` model steps: each new knot is the time average of what the held plan does then."""
        at = torch.arange(actions.shape[-2]) + steps / self.s["steps_per_knot"]
        low = at.floor().long()
        old, after = (actions[..., i.clamp(max=actions.shape[-2] - 1), :] for i in (low, low + 1))
        moved: Tensor = (old + (at - low)[:, None].float() * (after - old)).clamp(self.low, self.high)
        return moved

    def _limit(self, actions: Tensor, steps: int | None = None) -> Tensor:
        """[..., H, A] with each row, ``steps`` model steps long or a knot, clipped to what the one before it allows."""
        if self.s["max_rate"] is None:
            return actions
        most = torch.as_tensor(self.s["max_rate"], dtype=torch.float32) * (steps or self.s["steps_per_knot"]) * self.s["dt"]
        knots = list(actions.unbind(-2))
        for h in range(1, len(knots)):
            knots[h] = knots[h].clamp(knots[h - 1] - most, knots[h - 1] + most)
        return torch.stack(knots, -2)

    def returns(self, state: Tensor, actions: Tensor, **inputs: Tensor) -> Tensor:
        """Discounted sum of rewards, mean over the trajectories. state [S], actions [N, H or T, A], held equally long -> [N]."""
        totals, steps = [], self.s["horizon"] * self.s["steps_per_knot"]
        members, noise = self._particles(steps, len(state))
        for particle in range(members.shape[1]):
            at, total = state.expand(len(actions), -1), torch.zeros(len(actions))
            for t in range(steps):
                action = actions[:, t * actions.shape[1] // steps]
                after = sampled(self.dynamics[members[t, particle]](at, action), noise[t, particle])
                known = {"state": at, "action": action, "next_state": after, **inputs}
                total = total + self.s["discount"] ** t * self.reward(**{name: known[name] for name in self.wanted})
                at = after
            totals.append(total)
        return self._over_trajectories(torch.stack(totals))

    def _particles(self, steps: int, state_size: int) -> tuple[Tensor, Tensor]:
        """Of this plan: members [steps, P] and noise [steps, P, S]; without particles each member once, at its mean."""
        count, members, s = self.s["particles"], len(self.dynamics), self.s
        if count == 0:
            return torch.arange(members).expand(steps, members), torch.zeros(steps, members, state_size)
        if self.drawn is None or self.drawn[0] != self.plans:
            noise = partial(self.noise, s["seed"], 0, self.plans, ITERATION)
            self.drawn = (self.plans, *particles(noise, count, members, steps, state_size, s["propagation"]))
        return self.drawn[1:]

    def _over_trajectories(self, returns: Tensor) -> Tensor:
        """[P, N] -> [N]."""
        return returns.mean(0)
