"""Many episodes and their statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.agent import Agent
from mbrl_fast.episode import Episode, TaskLike, run_episode


def wilson_interval(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Give the Wilson score interval of a rate (95 % for z = 1.96).

    Unlike the normal approximation it is honest at 0 and 1 and for few trials (Wilson 1927, JASA 22:209).
    Returns (nan, nan) for no trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"successes must be in 0..trials, got successes={successes}, trials={trials}")
    if trials == 0:
        return math.nan, math.nan
    rate = successes / trials
    scale = 1 / (1 + z * z / trials)
    middle = scale * (rate + z * z / (2 * trials))
    half = scale * z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    # Rounding must not push a bound past the rate itself: at 0 of n the lower bound is exactly 0.
    return max(0.0, min(middle - half, rate)), min(1.0, max(middle + half, rate))


@dataclass(frozen=True)
class EvaluationResult:
    """Statistics of many episodes. Rates are over all episodes; an episode that ran out of time is a failure."""

    episodes: tuple[Episode, ...]

    def count(self, what: str) -> int:
        """Count the episodes whose metric `what` (success, strict, crash, …) holds."""
        return sum(bool(episode.metrics[what]) for episode in self.episodes)

    def rate(self, what: str) -> float:
        """Share of the episodes whose metric `what` holds."""
        return self.count(what) / len(self.episodes)

    def mean_of(self, what: str) -> float | None:
        """Mean of a metric over the episodes that have it, such as steps_to_success; None if none has."""
        values = [e.metrics[what] for e in self.episodes if e.metrics.get(what) is not None]
        return float(np.mean(values)) if values else None

    def plan_ms(self) -> NDArray[np.float64]:
        """Give the milliseconds of every plan of every episode, less each episode's first.

        The first plan pays for what later ones do not (pages not yet touched, PyTorch's first call).
        """
        later = [episode.plan_ms[1:] for episode in self.episodes if len(episode.plan_ms) > 1]
        return np.concatenate(later or [episode.plan_ms for episode in self.episodes])

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON line: rates that the task knows of, with counts and 95 % Wilson intervals, steps, milliseconds."""
        line: dict[str, Any] = {"episodes": len(self.episodes), "first_seed": self.episodes[0].seed}
        for name in (name for name in ("success", "strict", "crash") if name in self.episodes[0].metrics):
            line[f"{name}_rate"] = self.rate(name)
            line[f"{name}_count"] = self.count(name)
            line[f"{name}_interval"] = list(wilson_interval(self.count(name), len(self.episodes)))
        line["mean_steps"] = self.mean_of("steps_to_success")
        if "steps_to_strict" in self.episodes[0].metrics:
            line["mean_steps_strict"] = self.mean_of("steps_to_strict")
        line["mean_return"] = self.mean_of("return")
        line["mean_action_rate"] = self.mean_of("action_rate")
        milliseconds = self.plan_ms()
        line["plans"] = len(milliseconds)
        line["plan_ms_median"] = float(np.median(milliseconds))
        line["plan_ms_p99"] = float(np.quantile(milliseconds, 0.99))
        line["first_plan_ms_median"] = float(np.median([e.plan_ms[0] for e in self.episodes]))
        line["env_ms_median"] = float(np.median(np.concatenate([e.env_ms for e in self.episodes])))
        return line


def evaluate(
    agent: Agent | Callable[[], Agent],
    task: TaskLike,
    episodes: int,
    seed: int,
    progress: Callable[[Iterable[Episode], int], Iterable[Episode]] | None = None,
    jobs: int = 1,
    max_steps: int | None = None,
    record: bool = False,
) -> EvaluationResult:
    """Drive `episodes` episodes; episode i uses seed `seed + i`. The result does not depend on `jobs`.

    Args:
        agent: an agent, or a function without arguments that makes one. With `jobs > 1` it must be such a function,
            for a planner stays in the process that built it: each worker calls it once an episode.
        task: see `run_episode`.
        episodes: how many, >= 1.
        seed: of the first episode.
        progress: wraps the iterator of finished episodes, given how many will come; for a progress bar.
        jobs: processes. More than one needs joblib (`pip install "mbrl-fast[cli]"`).
        max_steps, record: see `run_episode`.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be >= 1, got {episodes}")
    if jobs < 1:
        raise ValueError(f"jobs must be >= 1, got {jobs}")
    seeds = range(seed, seed + episodes)
    finished = _drive_all(agent, task, seeds, min(jobs, episodes), max_steps, record)
    done = list(progress(finished, episodes) if progress else finished)
    return EvaluationResult(tuple(sorted(done, key=lambda episode: episode.seed)))


def _drive_all(
    agent: Agent | Callable[[], Agent],
    task: TaskLike,
    seeds: Sequence[int],
    jobs: int,
    max_steps: int | None,
    record: bool,
) -> Iterable[Episode]:
    """Yield finished episodes as they come, in any order."""
    if jobs == 1:
        driver = agent if isinstance(agent, Agent) else agent()
        return (run_episode(driver, task, seed, max_steps, record) for seed in seeds)
    if isinstance(agent, Agent):
        raise TypeError(f"agent must be a function that makes one when jobs > 1, got an Agent and jobs={jobs}")
    try:
        from joblib import Parallel, delayed
    except ImportError:
        raise ImportError('jobs > 1 needs joblib: pip install "mbrl-fast[cli]"') from None
    work = (delayed(_drive_one)(agent, task, seed, max_steps, record) for seed in seeds)
    # One episode at a time to a worker: they differ tenfold in length.
    finished: Iterable[Episode] = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch=2 * jobs)(work)
    return finished


def _drive_one(make_agent: Callable[[], Agent], task: TaskLike, seed: int, max_steps: int | None, record: bool) -> Episode:
    return run_episode(make_agent(), task, seed, max_steps, record)
