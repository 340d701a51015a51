"""The cross-entropy method in pure PyTorch: the specification of the planner in C++, statement by statement."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from .colour import coloured_factor

Noise = Callable[[int, int, int, int, int, int], Any]
"""(seed, stream, plan, iteration, population, elements) -> [population, elements] standard normals, as ``mbrl_fast.noise``."""


class CEMPlan(NamedTuple):
    """action [A]; actions [H, A]; value: the return of those actions; elites: per iteration [K], best first."""

    action: Tensor
    actions: Tensor
    value: float
    elites: list[Tensor]


class CEM:
    """Cross-entropy method over H knots, each held for ``steps_per_knot`` model steps; settings as of ``mbrl_fast.CEM``.

    Args:
        dynamics: the members, each (state [N, S], action [N, A]) -> next_state [N, S].
        reward: bound by the names of its arguments among state, action, next_state and the inputs of ``plan``; returns [N].
        action_low, action_high: [A]; noise: see ``Noise``, torch's own generator by default; settings: override ``DEFAULTS``;
            ``dt`` is the problem's, for ``max_rate``. There is no executed action: the first knot is free.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "horizon": 5, "steps_per_knot": 5, "population": 100, "elites": 10, "iterations": 5, "init_std": 1.0, "min_std": 0.0,
        "momentum": 0.0, "discount": 1.0, "keep_elites": 0, "include_mean": False, "returns": "mean", "warm_start": False,
        "fresh_fraction": 0.0, "noise_beta": 0.0, "max_rate": None, "seed": 0, "dt": 1.0,
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
        self.factor = coloured_factor(self.s["horizon"], self.s["noise_beta"]) if self.s["noise_beta"] > 0 else None
        self.reset()

    def reset(self) -> None:
        """Forget the last plan and begin the noise counter anew."""
        self.plans = 0
        self.mean, self.kept = torch.empty(0), torch.empty(0)
        self.generator.manual_seed(self.s["seed"])

    def _draw(self, iteration: int) -> Tensor:
        """[N, H, A] standard normals, coloured along H."""
        n, h = self.s["population"], self.s["horizon"]
        z = torch.as_tensor(self.noise(self.s["seed"], 0, self.plans, iteration, n, h * len(self.low)), dtype=torch.float32)
        z = z.reshape(n, h, -1)
        return z if self.factor is None else torch.einsum("hk,nka->nha", self.factor, z)

    def _shift(self, actions: Tensor, steps: float = 1.0) -> Tensor:
        """[..., H, A] moved by ``steps`` model steps: each new knot is the time average of what the held plan does then."""
        at = torch.arange(actions.shape[-2]) + steps / self.s["steps_per_knot"]
        low = at.floor().long()
        old, after = (actions[..., i.clamp(max=actions.shape[-2] - 1), :] for i in (low, low + 1))
        moved: Tensor = (old + (at - low)[:, None].float() * (after - old)).clamp(self.low, self.high)
        return moved

    def _limit(self, actions: Tensor) -> Tensor:
        """[..., H, A] with each knot clipped to what the one before it allows."""
        if self.s["max_rate"] is None:
            return actions
        most = torch.as_tensor(self.s["max_rate"], dtype=torch.float32) * self.s["steps_per_knot"] * self.s["dt"]
        knots = list(actions.unbind(-2))
        for h in range(1, len(knots)):
            knots[h] = knots[h].clamp(knots[h - 1] - most, knots[h - 1] + most)
        return torch.stack(knots, -2)

    def returns(self, state: Tensor, actions: Tensor, **inputs: Tensor) -> Tensor:
        """Discounted sum of rewards, mean over the members. state [S], actions [N, H, A] -> [N]."""
        totals = []
        for member in self.dynamics:
            at, total = state.expand(len(actions), -1), torch.zeros(len(actions))
            for t in range(self.s["horizon"] * self.s["steps_per_knot"]):
                action = actions[:, t // self.s["steps_per_knot"]]
                after = member(at, action)
                known = {"state": at, "action": action, "next_state": after, **inputs}
                total = total + self.s["discount"] ** t * self.reward(**{name: known[name] for name in self.wanted})
                at = after
            totals.append(total)
        return torch.stack(totals).mean(0)

    @torch.no_grad()
    def plan(self, state: Any, **inputs: Any) -> CEMPlan:
        """state [S]; inputs: what the reward asks for by name, e.g. goal [S]."""
        s, state = self.s, torch.as_tensor(state, dtype=torch.float32)
        inputs = {name: torch.as_tensor(value, dtype=torch.float32) for name, value in inputs.items()}
        warm = s["warm_start"] and self.plans > 0
        mean = self._limit(self._shift(self.mean)) if warm else self.mid.expand(s["horizon"], -1)
        kept = self._shift(self.kept) if warm else mean[None][:0]
        std = (s["init_std"] * self.half).expand_as(mean)
        best, best_return, chosen = mean, -torch.inf, []
        for iteration in range(s["iterations"]):
            noise = self._draw(iteration)
            actions = (mean + std * noise).clamp(self.low, self.high)
            if fresh := int(s["fresh_fraction"] * s["population"]):
                actions[-fresh:] = (self.mid + s["init_std"] * self.half * noise[-fresh:]).clamp(self.low, self.high)
            carried = torch.cat([mean[None], kept]) if s["include_mean"] else kept
            actions[: len(carried)] = carried
            actions = self._limit(actions)
            returns = self.returns(state, actions, **inputs)
            order = torch.where(returns.isfinite(), returns, -torch.inf).argsort(descending=True, stable=True)
            elites = order[: min(s["elites"], int(returns.isfinite().sum()))]
            chosen.append(elites)
            if len(elites) == 0:
                continue
            fit, spread = actions[elites].mean(0), actions[elites].std(0, unbiased=False)
            mean = self._limit((s["momentum"] * mean + (1 - s["momentum"]) * fit).clamp(self.low, self.high))
            std = (s["momentum"] * std + (1 - s["momentum"]) * spread).maximum(s["min_std"] * self.half)
            kept = actions[elites[: s["keep_elites"]]]
            if returns[elites[0]] > best_return:
                best, best_return = actions[elites[0]], float(returns[elites[0]])
        self.mean, self.kept, self.plans = mean, kept, self.plans + 1
        answer = mean if s["returns"] == "mean" else best
        return CEMPlan(answer[0], answer, float(self.returns(state, answer[None], **inputs)[0]), chosen)
