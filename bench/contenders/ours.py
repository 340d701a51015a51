"""mbrl_fast: the exported problem, planned in C++, called from Python."""

from __future__ import annotations

import mbrl_fast as mf
from bench.contenders import Contender
from bench.problems import PlanningProblem


def contenders(problem: PlanningProblem) -> list[Contender]:
    return [_contender(problem, threads) for threads in (1, 2)]


def _contender(p: PlanningProblem, threads: int) -> Contender:
    planner = mf.CEM.notebook(p.problem, threads=threads)

    def plan():
        return planner.plan(p.state, goal=p.goal).action

    return Contender(f"mbrl_fast, {threads} thread{'s' * (threads > 1)}", plan, draws_from_torch=False)
