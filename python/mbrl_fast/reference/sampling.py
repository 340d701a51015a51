"""What planners that sample share, in pure PyTorch: the loop of which each of them is a few statements."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from .cem_variants import objective
from .colour import coloured_factor
from .knots import expansion, projection, shifted
from .planner import Planner, TwinPlan


class SamplingPlanner(Planner):
    """Draws candidates, rolls them out, refits. A planner says how mean and std follow from the candidates' returns."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **Planner.DEFAULTS, "population": 100, "iterations": 5, "init_std": 1.0, "keep_elites": 0, "include_mean": False,
        "returns": "mean", "fresh_fraction": 0.0, "noise_beta": 0.0, "interpolation": "hold", "knot_growth": 1.0,
        "kernel_width": 1.0, "action_rate_penalty": 0.0, "objective": "mean", "risk": 0.0,
    }  # fmt: skip

    def reset(self) -> None:
        """Forget the last plan and begin the noise counter anew."""
        super().reset()
        self.mean, self.kept = torch.empty(0), torch.empty(0)
        self.factor = coloured_factor(self.s["horizon"], self.s["noise_beta"]) if self.s["noise_beta"] > 0 else None
        s = self.s
        self.expanded = (s["interpolation"], s["knot_growth"]) != ("hold", 1.0)
        shape = (s["horizon"], s["steps_per_knot"], s["interpolation"], s["knot_growth"])
        self.expand, self.project = expansion(*shape, s["kernel_width"]), projection(*shape)

    def _shift(self, actions: Tensor, steps: float = 1.0) -> Tensor:
        if not self.expanded:
            return super()._shift(actions, steps)
        return shifted(actions, self.expand, self.project, steps, self.low, self.high)

    def _limit(self, actions: Tensor, steps: int | None = None) -> Tensor:
        """Limits are for what is rolled out: knots that are expanded have none."""
        return super()._limit(actions, steps) if steps or not self.expanded else actions

    def _rolled_out(self, knots: Tensor) -> Tensor:
        """[..., H, A] -> the knots, or one action for each model step [..., T, A]."""
        return self._limit((self.expand @ knots).clamp(self.low, self.high), 1) if self.expanded else knots

    def returns(self, state: Tensor, actions: Tensor, **inputs: Tensor) -> Tensor:
        """Less what the changes of actions cost."""
        changes = (actions.diff(dim=1) / self.half).square().sum((1, 2))
        penalty: Tensor = self.s["action_rate_penalty"] * changes
        return super().returns(state, actions, **inputs) - penalty

    def _over_trajectories(self, returns: Tensor) -> Tensor:
        return objective(returns, self.s["objective"], self.s["risk"], len(self.dynamics)).float()

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

    def _around(self, mean: Tensor, std: Tensor, noise: Tensor) -> Tensor:
        """Knots [N, H, A] of shaped noise."""
        return (mean + std * noise).clamp(self.low, self.high)

    def _draw(self, iteration: int) -> Tensor:
        """[N, H, A] candidates."""
        s, n = self.s, self._population(iteration)
        z = self.noise(s["seed"], 0, self.plans, iteration, n, s["horizon"] * len(self.low))
        noise = self._shaped(torch.as_tensor(z, dtype=torch.float32).reshape(n, s["horizon"], -1))
        actions = self._around(self.mean, self.std, noise)
        if fresh := int(s["fresh_fraction"] * n):
            actions[-fresh:] = self._around(self.mid, s["init_std"] * self.half, noise[-fresh:])
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
        best, best_return, chosen = self._rolled_out(self.mean), -torch.inf, []
        for iteration in range(s["iterations"]):
            knots = self._draw(iteration)
            actions = self._rolled_out(knots)
            returns = self.returns(state, actions, **inputs)
            order = torch.where(returns.isfinite(), returns, -torch.inf).argsort(descending=True, stable=True)
            order = order[: int(returns.isfinite().sum())]
            chosen.append(self._best(order))
            if len(order) == 0:
                continue
            self._refit(knots, returns, order)
            self.kept = knots[order[: s["keep_elites"]]]
            if returns[order[0]] > best_return:
                best, best_return = actions[order[0]], float(returns[order[0]])
        answer = self._rolled_out(self._answer()) if s["returns"] == "mean" else best
        value = float(self.returns(state, answer[None], **inputs)[0])  # with this plan's particles
        self.plans += 1
        return TwinPlan(answer[0], answer, value, chosen)
