"""What planners that sample share, in pure PyTorch: the loop of which each of them is a few statements."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from .colour import coloured_factor
from .planner import Planner, TwinPlan


class SamplingPlanner(Planner):
    """Draws candidates, rolls them out, refits. A planner says how mean and std follow from the candidates' returns."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **Planner.DEFAULTS, "population": 100, "iterations": 5, "init_std": 1.0, "keep_elites": 0, "include_mean": False,
        "returns": "mean", "fresh_fraction": 0.0, "noise_beta": 0.0,
    }  # fmt: skip

    def reset(self) -> None:
        """Forget the last plan and begin the noise counter anew."""
        super().reset()
        self.mean, self.kept = torch.empty(0), torch.empty(0)
        self.factor = coloured_factor(self.s["horizon"], self.s["noise_beta"]) if self.s["noise_beta"] > 0 else None

    def _population(self, iteration: int) -> int:
        return int(self.s["population"])

    def _mean_rides(self, iteration: int) -> bool:
        return bool(self.s["include_mean"])

    def _begin(self, warm: bool) -> None:
        """mean [H, A] and kept [K, H, A] of the last plan move on, or begin anew."""
        self.mean = self._limit(self._shift(self.mean)) if warm else self.mid.expand(self.s["horizon"], -1)
        self.kept = self._shift(self.kept) if warm else self.mean[None][:0]

    def _shaped(self, noise: Tensor) -> Tensor:
        """Standard normals [N, H, A], coloured along H."""
        return noise if self.factor is None else torch.einsum("hk,nka->nha", self.factor, noise)

    def _carry(self, actions: Tensor, iteration: int) -> None:
        """The kept sequences take the places of candidates [K, H, A]."""
        actions[:] = self.kept

    def _best(self, order: Tensor) -> Tensor:
        """Of the finite candidates, best first, those that the planner calls elites."""
        return order[:1]

    def _refit(self, actions: Tensor, returns: Tensor, order: Tensor) -> None:
        """mean and std from the candidates [N, H, A]; ``order``: those with a finite return, best first, at least one."""

    def _answer(self) -> Tensor:
        return self.mean

    def _draw(self, iteration: int) -> Tensor:
        """[N, H, A] candidates."""
        s, n = self.s, self._population(iteration)
        z = self.noise(s["seed"], 0, self.plans, iteration, n, s["horizon"] * len(self.low))
        noise = self._shaped(torch.as_tensor(z, dtype=torch.float32).reshape(n, s["horizon"], -1))
        actions = (self.mean + self.std * noise).clamp(self.low, self.high)
        if fresh := int(s["fresh_fraction"] * n):
            actions[-fresh:] = (self.mid + s["init_std"] * self.half * noise[-fresh:]).clamp(self.low, self.high)
        first = int(self._mean_rides(iteration))
        actions[:first] = self.mean
        self._carry(actions[first : first + len(self.kept)], iteration)
        return self._limit(actions)

    @torch.no_grad()
    def plan(self, state: Any, **inputs: Any) -> TwinPlan:
        """state [S]; inputs: what the reward asks for by name, e.g. goal [S]."""
        s, state = self.s, torch.as_tensor(state, dtype=torch.float32)
        inputs = {name: torch.as_tensor(value, dtype=torch.float32) for name, value in inputs.items()}
        self._begin(s["warm_start"] and self.plans > 0)
        self.std = (s["init_std"] * self.half).expand_as(self.mean)
        best, best_return, chosen = self.mean, -torch.inf, []
        for iteration in range(s["iterations"]):
            actions = self._draw(iteration)
            returns = self.returns(state, actions, **inputs)
            order = torch.where(returns.isfinite(), returns, -torch.inf).argsort(descending=True, stable=True)
            order = order[: int(returns.isfinite().sum())]
            chosen.append(self._best(order))
            if len(order) == 0:
                continue
            self._refit(actions, returns, order)
            self.kept = actions[order[: s["keep_elites"]]]
            if returns[order[0]] > best_return:
                best, best_return = actions[order[0]], float(returns[order[0]])
        self.plans += 1
        answer = self._answer() if s["returns"] == "mean" else best
        return TwinPlan(answer[0], answer, float(self.returns(state, answer[None], **inputs)[0]), chosen)
