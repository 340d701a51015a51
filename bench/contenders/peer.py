"""What the peers share: the model they are given, and the words of the table.

A peer is another library's planner on the seed problem's network at the same population × horizon × iterations. Algorithms differ,
so decisions are not compared; instead the model steps of one plan are counted, and the answer must be finite. PyTorch
peers get the lean model step of `lean_torch` under inference_mode, one thread: the kindest case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.contenders import Contender
from bench.contenders.lean_torch import LeanPlanner
from bench.problems import PlanningProblem

STEPS, POPULATION, ELITES, ITERATIONS, REPEAT = 25, 100, 10, 5, 5


@dataclass(frozen=True)
class Peer:
    """computes: what a plan of it is, in one line. counted(): the model steps of one plan. held: for five steps is a knot held.
    kind: the algorithm; it is set beside ours of the same one."""

    contender: Contender
    computes: str
    counted: Callable[[], int]
    held: bool = False
    kind: str = "CEM"


class CountedModel:
    """The lean model step and reward of the seed problem, and how many steps were asked of it."""

    def __init__(self, p: PlanningProblem) -> None:
        self._lean = LeanPlanner(p)
        self.steps = 0

    def step(self, x: Tensor, u: Tensor) -> Tensor:
        """x [N, 6], u [N, 2] -> the next x [N, 6]."""
        self.steps += len(x)
        return self._lean.model_step(x, u)

    def reward(self, x: Tensor) -> Tensor:
        """x [..., 6] -> [...]."""
        distance: Tensor = ((x - self._lean.goal).abs() * self._lean.weights).sum(-1)
        return -distance.sqrt()

    @property
    def state(self) -> Tensor:
        """Where the plan starts [6]."""
        return self._lean.state


def torch_peer(
    name: str, computes: str, model: CountedModel, plan: Callable[[], Tensor], held: bool = False, kind: str = "CEM"
) -> Peer:
    """A PyTorch planner: `plan()` answers the first action [2]."""

    def decide():
        with torch.inference_mode():
            return plan().numpy()

    def counted() -> int:
        before = model.steps
        decide()
        return model.steps - before

    return Peer(Contender(f"{name}, 1 thread", decide, False), computes, counted, held, kind)
