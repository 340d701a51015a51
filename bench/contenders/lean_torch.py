"""PyTorch written for speed: inference_mode, hoisted constants, fused hidden layers, no lists; and torch.compile on top."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.contenders import Contender, named
from bench.problems import PlanningProblem
from mbrl_fast.reference.notebook import REWARD_WEIGHTS

HORIZON, REPEAT, POPULATION, ELITES, ITERATIONS = 5, 5, 100, 10, 5


class LeanPlanner:
    """The notebook's planner with the same numbers, minus its overheads."""

    def __init__(self, p: PlanningProblem) -> None:
        m = p.model
        # One matrix for both hidden layers, without the masked position columns.
        self.w1 = torch.cat([m.A1.weight, m.B1.weight])[:, 2:].t().contiguous()
        self.b1 = torch.cat([m.A1.bias, m.B1.bias])
        self.wa, self.ba = m.A2.weight.t().contiguous(), m.A2.bias
        self.wb, self.bb = m.B2.weight.t().contiguous(), m.B2.bias
        self.weights = torch.tensor(REWARD_WEIGHTS)
        self.step = self.model_step
        self.refine_all = self.plan_from_noise
        self.state, self.goal = torch.from_numpy(p.state), torch.from_numpy(p.goal)

    def model_step(self, x: Tensor, u: Tensor) -> Tensor:
        hidden = torch.addmm(self.b1, torch.cat((x[:, 2:], u), 1), self.w1).relu_()
        a = torch.addmm(self.ba, hidden[:, :64], self.wa).view(-1, 6, 6)
        b = torch.addmm(self.bb, hidden[:, 64:], self.wb).view(-1, 6, 2)
        dx = torch.bmm(a, x.unsqueeze(2)) + torch.bmm(b, u.unsqueeze(2))
        return torch.add(x, dx.squeeze(2), alpha=0.2)

    def plan_from_noise(self, noise: list[Tensor], state: Tensor, goal: Tensor) -> Tensor:
        mean, std = torch.zeros(HORIZON, 1, 2), torch.ones(HORIZON, 1, 2)
        for z in noise:
            actions = torch.addcmul(mean, std, z).clamp(-1.0, 1.0)
            x = state.expand(POPULATION, -1)
            returns = torch.zeros(POPULATION)
            for h in range(HORIZON):
                for _ in range(REPEAT):
                    x = self.step(x, actions[h])
                    returns = returns - ((x - goal).abs() * self.weights).sum(1).sqrt()
            best = actions[:, returns.topk(ELITES, sorted=False).indices]
            std, mean = torch.std_mean(best, dim=1, correction=0, keepdim=True)
        return mean[0, 0]

    def plan(self):
        with torch.inference_mode():
            noise = [torch.randn(HORIZON, POPULATION, 2) for _ in range(ITERATIONS)]
            return self.refine_all(noise, self.state, self.goal).numpy()


def contenders(
    p: PlanningProblem, threads: Sequence[int] = (1,), compiled: bool = True, whole_plan: bool = True
) -> list[Contender]:
    """Compiled code keeps the number of threads it was compiled for: PyTorch's guards compile it once for each."""
    found = []
    for count in threads:
        found.append(Contender(named("lean PyTorch (inference_mode)", count), LeanPlanner(p).plan, True, count))
        if compiled:
            compiled_step = LeanPlanner(p)
            compiled_step.step = torch.compile(compiled_step.model_step)
            found.append(Contender(named("torch.compile of one model step", count), compiled_step.plan, True, count))
        if compiled and whole_plan:
            compiled_plan = LeanPlanner(p)
            compiled_plan.refine_all = torch.compile(compiled_plan.plan_from_noise)
            found.append(Contender(named("torch.compile of the whole plan", count), compiled_plan.plan, True, count))
    return found
