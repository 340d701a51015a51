"""Episodes for `bench.parking_quality`: driven in parallel, each kept in a file as it ends, so that a run that was cut goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm.auto import tqdm

from mbrl_fast.agent import Agent, Observation
from mbrl_fast.episode import run_episode
from mbrl_fast.evaluation import wilson_interval

RATES = ("success", "strict", "crash")
Row = dict[str, Any]


class MeasuredAgent(Agent):
    """An agent that notes what its plans cost and how far each is from the last one, moved on by a step."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent.planner, agent.task, agent.delay)
        self.cpu_ms: list[float] = []
        self.changes: list[float] = []
        self._last: NDArray[np.float32] | None = None

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """As an agent does."""
        began = thread_time()
        action = super().act(observation)
        self.cpu_ms.append(1e3 * (thread_time() - began))
        actions = getattr(self.plan, "actions", None)
        if actions is not None:
            if self._last is not None:
                self.changes.append(float(np.abs(actions[:-1] - self._last[1:]).mean()))
            self._last = np.array(actions)
        return action


def drive(maker: Callable[[], Agent], task: Any, label: Row, seed: int, max_steps: int | None = None) -> Row:
    """One episode as one row: the tracker's metrics, the milliseconds of its plans, coherence."""
    agent = MeasuredAgent(maker())
    episode = run_episode(agent, task, seed, max_steps)
    quantiles = {f"plan_{name}_ms": float(np.median(values[1:] or values)) for name, values in
                 (("wall", episode.plan_ms.tolist()), ("cpu", agent.cpu_ms))}  # fmt: skip
    change = float(np.mean(agent.changes)) if agent.changes else None
    return {**label, "seed": seed, **episode.metrics, **quantiles, "plan_change": change}


class Episodes:
    """The rows of a file, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def complete(
        self, maker: Callable[[], Agent], task: Any, agent: str, data_seed: int, seeds: Sequence[int], jobs: int = 2
    ) -> list[Row]:
        """Drive the episodes that are not in the file yet, and give the rows of all of them."""
        label = {"agent": agent, "data_seed": data_seed}
        have = {row["seed"] for row in self.of(agent) if row["data_seed"] == data_seed}
        work = (delayed(drive)(maker, task, label, seed) for seed in seeds if seed not in have)
        missing = sum(seed not in have for seed in seeds)
        finished: Iterable[Row] = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch=2 * jobs)(work)
        for row in tqdm(finished, total=missing, desc=f"data seed {data_seed}: {agent}", unit="episode"):
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            self.rows.append(row)
        return [row for row in self.of(agent) if row["data_seed"] == data_seed and row["seed"] in set(seeds)]

    def of(self, agent: str) -> list[Row]:
        """The rows of one agent."""
        return [row for row in self.rows if row["agent"] == agent]


def summary(rows: Sequence[Row]) -> Row:
    """Rates with 95 % Wilson intervals, means, and medians over episodes of their median plan."""
    line: Row = {"episodes": len(rows), "data_seeds": sorted({row["data_seed"] for row in rows})}
    line["seeds"] = [min(row["seed"] for row in rows), max(row["seed"] for row in rows)]
    for name in RATES:
        # a crash after success is a crash: the car did hit something
        count = sum(bool(row[name]) or (name == "crash" and row["crash_after_success"]) for row in rows)
        line[f"{name}_count"], line[f"{name}_rate"] = count, count / len(rows)
        line[f"{name}_interval"] = list(wilson_interval(count, len(rows)))
    line["mean_steps"], line["mean_steps_strict"] = _mean(rows, "steps_to_success"), _mean(rows, "steps_to_strict")
    line["mean_return"], line["action_rate"] = _mean(rows, "return"), _mean(rows, "action_rate")
    line["plan_change"] = _mean(rows, "plan_change")
    for name in ("plan_wall_ms", "plan_cpu_ms"):
        line[name] = float(np.median([row[name] for row in rows]))
    line["not_strict"] = sorted((row["data_seed"], row["seed"]) for row in rows if not row["strict"])
    return line


def _mean(rows: Sequence[Row], name: str) -> float | None:
    values = [row[name] for row in rows if row[name] is not None]
    return float(np.mean(values)) if values else None
