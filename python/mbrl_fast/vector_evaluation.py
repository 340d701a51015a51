"""Many episodes side by side: one batch of plans a step, one gymnasium vector environment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.agent import Agent
from mbrl_fast.episode import Episode, Recorder, TaskLike
from mbrl_fast.evaluation import EvaluationResult


def evaluate_vector(
    agent: Agent, task: TaskLike, episodes: int, num_envs: int, seed: int, max_steps: int | None = None
) -> EvaluationResult:
    """Drive episodes in `num_envs` rows at once, by `plan_batch` and `gymnasium.vector.SyncVectorEnv`.

    As of `evaluate`, episode i is reset with `seed + i`; it begins in the first row that is free. A row whose episode ends is reset
    by itself, in the planner and in the environment (autoreset is off, so no step is lost and no seed is the environment's choice).

    What is equal to `evaluate`, bit for bit: every start; every episode of row 0; and all episodes of a planner that draws no
    noise. The noise of row b is that of stream b, so elsewhere a planner that samples decides as well, but not the same.

    Args:
        agent: whose planner has `plan_batch`.
        task: observes batches of observations, and makes the environments, all of the same spaces.
        episodes: how many, >= 1. num_envs: rows, >= 1; no more than there are episodes are made.
        seed: of the first episode's reset. max_steps: of an episode, None leaves it to the environment.

    Returns:
        As `evaluate`. `plan_ms` and `env_ms` of a step are the batch's, shared equally among its rows.
    """
    for name, value in (("episodes", episodes), ("num_envs", num_envs), ("max_steps", 1 if max_steps is None else max_steps)):
        if value < 1:
            raise ValueError(f"{name} must be >= 1, got {value}")
    if episodes > num_envs and getattr(getattr(agent.planner, "settings", None), "max_rate", None) is not None:
        raise ValueError(
            f"a planner with max_rate cannot free one row alone from its last action: num_envs must be >= episodes, "
            f"got num_envs={num_envs}, episodes={episodes}"
        )
    from gymnasium.vector import AutoresetMode, SyncVectorEnv

    rows = min(num_envs, episodes)
    env = SyncVectorEnv([task.make_env] * rows, autoreset_mode=AutoresetMode.DISABLED)
    try:
        done = list(_drive(env, agent, task, rows, range(seed, seed + episodes), max_steps))
    finally:
        env.close()
    return EvaluationResult(tuple(sorted(done, key=lambda episode: episode.seed)))


def _drive(env: Any, agent: Agent, task: Any, count: int, seeds: range, max_steps: int | None) -> Iterator[Episode]:
    """Yield episodes as they end."""
    held, waiting = list(seeds[:count]), deque(seeds[count:])
    observations, _ = env.reset(seed=held)
    rows: dict[int, _Row] = {index: _Row(task, held[index], row_of(observations, index)) for index in range(count)}
    starts = np.ones(count, np.bool_)
    while True:
        begin = perf_counter()
        actions, _ = agent.predict(observations, episode_start=starts)
        planned = perf_counter()
        observations, rewards, terminated, truncated, infos = env.step(actions)
        spent = 1e3 * (planned - begin) / count, 1e3 * (perf_counter() - planned) / count
        starts, fresh = terminated | truncated, list[int]()
        for index, row in list(rows.items()):
            row.add(actions[index], float(rewards[index]), row_of(observations, index), info_of(infos, index), *spent)
            if not (starts[index] or row.tracker.done or row.recorder.steps == max_steps):
                continue
            starts[index] = True
            yield row.episode(bool(terminated[index]))
            del rows[index]
            if waiting:
                held[index] = waiting.popleft()
                fresh.append(index)
        if not rows and not fresh:
            return
        if starts.any():
            # a row that has no episode left begins its last one again: the vector environment knows no pause
            observations, _ = env.reset(seed=held, options={"reset_mask": starts})
        rows.update({index: _Row(task, held[index], row_of(observations, index)) for index in fresh})


class _Row:
    """One episode of a batch."""

    def __init__(self, task: Any, seed: int, observation: Any) -> None:
        self.task, self.tracker = task, task.tracker()
        state, inputs = task.observe(observation)
        self.recorder = Recorder(seed, state, inputs, task)

    def add(
        self, action: NDArray[np.float32], reward: float, observation: Any, info: dict[str, Any], plan_ms: float, env_ms: float
    ) -> None:
        """Note one step."""
        recorder = self.recorder
        recorder.plan_ms.append(plan_ms)
        recorder.env_ms.append(env_ms)
        recorder.actions.append(action)
        recorder.rewards.append(reward)
        recorder.crashed.append(bool(info.get("crashed", False)))
        recorder.states.append(self.task.observe(observation)[0])
        self.tracker.update(observation, info)

    def episode(self, terminated: bool) -> Episode:
        """The whole of it."""
        self.recorder.terminated = terminated
        return self.recorder.episode(self.tracker.metrics())


def row_of(batch: Any, row: int) -> Any:
    """One row of a batch of observations: of an array, or of each array of a dict."""
    return {name: row_of(value, row) for name, value in batch.items()} if isinstance(batch, dict) else batch[row]


def info_of(infos: dict[str, Any], row: int) -> dict[str, Any]:
    """One row's info of a vector environment's: what that row has, by the masks that the vector environment adds."""
    return {
        name: info_of(value, row) if isinstance(value, dict) else value[row]
        for name, value in infos.items()
        if not name.startswith("_") and infos[f"_{name}"][row]
    }
