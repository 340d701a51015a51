"""`mbrl-fast plan`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from mbrl_fast.commands.common import File, Flag, show


@dataclass(frozen=True)
class Plan:
    """Plan once, from a state that you give, and show what the planner intends.

    Numbers are in the units of the file (`mbrl-fast inspect` lists them). For parking: x/100 m, y/100 m, vx/5 m/s,
    vy/5 m/s, cos h, sin h.

    Try:
      mbrl-fast plan runs/first/problem.safetensors --state 0 0 0 0 1 0 --goal 0.1 0.14 0 0 0 1
    """

    file: File
    """Problem file."""
    state: tuple[float, ...]
    """Where to plan from, state_size numbers."""
    goal: tuple[float, ...] = ()
    """Run-time input "goal", if the file has one."""
    input: tuple[str, ...] = ()
    """Other run-time inputs, each as name=1,2,3."""
    seed: int = 0
    """Of the planner's noise. The same seed gives the same plan."""
    threads: int = 1
    """Of the planner. Any number gives the same plan."""
    json: Flag = False
    """Print one line of JSON instead of a table."""

    def run(self) -> None:
        """Run it."""
        from mbrl_fast.report.plan_table import plan_line, plan_table

        inputs = dict(map(parse_input, self.input))
        if self.goal:
            inputs["goal"] = self.goal
        problem, plan, milliseconds = plan_once(self.file, self.state, inputs, self.seed, self.threads)
        if self.json:
            print(dumps(plan_line(plan, milliseconds)))
        else:
            show(plan_table(problem, plan, milliseconds))


def parse_input(text: str) -> tuple[str, tuple[float, ...]]:
    """Split "name=1,2,3" into the name and the numbers. Raises ValueError with a sentence."""
    name, _, values = text.partition("=")
    try:
        return name, tuple(float(value) for value in values.split(","))
    except ValueError:
        raise ValueError(f"--input must look like name=1,2,3, got {text!r}") from None


def plan_once(
    path: Path, state: Sequence[float], inputs: Mapping[str, Sequence[float]], seed: int, threads: int
) -> tuple[Any, Any, float]:
    """Load a Problem file and plan once with the default planner.

    Args:
        path: Problem file.
        state: state_size numbers.
        inputs: numbers for each run-time input, row-major.
        seed: of the planner.
        threads: of the planner.

    Returns:
        The problem, the plan, and the milliseconds that the plan took.
    """
    from mbrl_fast.pipeline import load_problem
    from mbrl_fast.planners import CEM

    problem = load_problem(path)
    shapes = dict(problem.inputs)
    for name, values in inputs.items():
        size = int(np.prod(shapes[name])) if name in shapes else len(values)
        if len(values) != size:
            raise ValueError(f"input {name} must have {size} numbers, got {len(values)}")
    arrays: dict[str, Any] = {name: np.reshape(values, shapes.get(name, -1)).astype(np.float32) for name, values in inputs.items()}
    planner = CEM(problem, seed=seed, threads=threads)
    begin = perf_counter()
    plan = planner.plan(np.array(state, np.float32), **arrays)
    return problem, plan, 1e3 * (perf_counter() - begin)
