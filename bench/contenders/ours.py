"""mbrl_fast: the exported problem, planned in C++, called from Python."""

from __future__ import annotations

from collections.abc import Sequence

from bench.contenders import Contender, named
from bench.problems import PlanningProblem


def contenders(problem: PlanningProblem, threads: Sequence[int] = (1, 2)) -> list[Contender]:
    return [contender(problem, count) for count in threads]


def contender(p: PlanningProblem, threads: int = 1) -> Contender:
    planner = p.planner(threads=threads)

    def plan():
        return planner.plan(p.state, **p.inputs).action

    return Contender(named("mbrl_fast", threads), plan, draws_from_torch=False, threads=threads)
