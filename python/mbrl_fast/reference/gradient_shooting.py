"""Gradient shooting in pure PyTorch: projected Adam (Kingma & Ba 2015) on action sequences, as the planner in C++ does it."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from .colour import coloured_factor
from .planner import Planner, TwinPlan


class GradientShooting(Planner):
    """Settings as of ``mbrl_fast.GradientShooting``."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **Planner.DEFAULTS, "horizon": 25, "steps_per_knot": 1, "population": 16, "iterations": 20, "step_size": 0.1,
        "momentum": 0.9, "second_momentum": 0.99, "init_std": 0.5, "noise_beta": 2.0,
    }  # fmt: skip

    def reset(self) -> None:
        """Forget the last plan and begin the noise counter anew."""
        super().reset()
        self.last = self.mid.expand(self.s["horizon"], -1)

    def _starts(self) -> Tensor:
        """[N, H, A]: the last plan, moved on, and others around it."""
        s, warm = self.s, self.s["warm_start"] and self.plans > 0
        start = self._shift(self.last) if warm else self.mid.expand(s["horizon"], -1)
        z = self.noise(s["seed"], 0, self.plans, 0, s["population"], s["horizon"] * len(self.low))
        noise = torch.as_tensor(z, dtype=torch.float32).reshape(s["population"], s["horizon"], -1)
        if s["noise_beta"] > 0:
            noise = torch.einsum("hk,nka->nha", coloured_factor(s["horizon"], s["noise_beta"]), noise)
        actions = (start + s["init_std"] * self.half * noise).clamp(self.low, self.high)
        actions[0] = start
        return self._limit(actions)

    def plan(self, state: Any, **inputs: Any) -> TwinPlan:
        """state [S]; inputs: what the reward asks for by name, e.g. goal [S]."""
        s, state = self.s, torch.as_tensor(state, dtype=torch.float32)
        inputs = {name: torch.as_tensor(value, dtype=torch.float32) for name, value in inputs.items()}
        actions = self._starts()
        first, second = torch.zeros_like(actions), torch.zeros_like(actions)
        best, value, chosen = self.mid.expand(s["horizon"], -1), -torch.inf, []
        for step in range(s["iterations"] + 1):
            leaf = actions.detach().requires_grad_()
            returns = self.returns(state, leaf, **inputs)
            (slope,) = torch.autograd.grad(returns.sum(), leaf)
            finite = torch.where(returns.isfinite(), returns, -torch.inf).detach()
            chosen.append(finite.argmax()[None])
            if float(finite.max()) > value:
                best, value = actions[int(finite.argmax())], float(finite.max())
            slope = torch.nan_to_num(slope * self.half, nan=0.0, posinf=0.0, neginf=0.0)
            first = s["momentum"] * first + (1 - s["momentum"]) * slope
            second = s["second_momentum"] * second + (1 - s["second_momentum"]) * slope * slope
            mean, square = first / (1 - s["momentum"] ** (step + 1)), second / (1 - s["second_momentum"] ** (step + 1))
            moved = actions + s["step_size"] * self.half * mean / (square.sqrt() + 1e-12)
            actions = self._limit(moved.clamp(self.low, self.high))
        self.plans, self.last = self.plans + 1, best
        return TwinPlan(best[0], best, value, chosen)
