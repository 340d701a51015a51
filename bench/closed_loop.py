"""Episodes in slots: a driver answers many states at once, a slot whose episode is over takes the next seed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.parking_batch import RealWorld, Replica
from mbrl_fast.evaluation import wilson_interval

Floats = NDArray[np.float32]
World = RealWorld | Replica


class Driver(Protocol):
    """Whatever drives."""

    def act(self, states: Floats, goals: Floats, fresh: NDArray[np.bool_]) -> tuple[Floats, Floats | None, NDArray[np.float64]]:
        """Actions [B, 2], the plans as one action a model step [B, T, 2] if there are any, milliseconds [B]."""


class PlannerDriver:
    """A planner of this package."""

    def __init__(self, planner: Any) -> None:
        self.planner = planner

    def act(self, states: Floats, goals: Floats, fresh: NDArray[np.bool_]) -> tuple[Floats, Floats | None, NDArray[np.float64]]:
        """One plan a row; rows are planned in turn, and the core times each."""
        if fresh.any():
            self.planner.reset(None if fresh.all() else np.flatnonzero(fresh))
        plan = self.planner.plan_batch(states, goal=goals)
        each_step = np.repeat(plan.actions, self.planner.settings.steps_per_knot, axis=1)
        return plan.action, each_step, np.array([row.milliseconds for row in plan.stats])


class SingleDriver:
    """A planner that knows one state at a time and answers an action (the notebook's)."""

    def __init__(self, planner: Any) -> None:
        self.planner = planner

    def act(self, states: Floats, goals: Floats, fresh: NDArray[np.bool_]) -> tuple[Floats, Floats | None, NDArray[np.float64]]:
        """One after the other."""
        actions, times = [], []
        for state, goal, new in zip(states, goals, fresh, strict=True):
            if new:
                self.planner.reset()
            begin = time.perf_counter()
            actions.append(self.planner.plan(state, goal=goal).action)
            times.append(1e3 * (time.perf_counter() - begin))
        return np.array(actions, np.float32), None, np.array(times)


class PolicyDriver:
    """A policy of stable-baselines3."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def act(self, states: Floats, goals: Floats, fresh: NDArray[np.bool_]) -> tuple[Floats, Floats | None, NDArray[np.float64]]:
        """All rows in one pass; its time is shared out."""
        begin = time.perf_counter()
        observation = {"observation": states, "achieved_goal": states, "desired_goal": goals}
        actions, _ = self.model.predict(observation, deterministic=True)
        return actions, None, np.full(len(states), 1e3 * (time.perf_counter() - begin) / len(states))


def drive(driver: Driver, world: World, seeds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Finished episodes, in any order: the tracker's metrics, the seed, ``plan_ms`` (median), ``plan_distance``.

    ``plan_distance`` is how far a plan is from the one before it, moved on by a step: the mean |difference| of an action entry over
    the model steps that both cover, averaged over the episode; None without plans. Slots that have run out of seeds are
    planned for in vain.
    """
    slots = len(world.running)
    waiting, current = list(seeds)[::-1], np.full(slots, -1)
    last: Floats | None = None
    times: list[list[float]] = [[] for _ in range(slots)]
    distances: list[list[float]] = [[] for _ in range(slots)]
    while True:
        fresh = np.zeros(slots, bool)
        for slot in np.flatnonzero(~world.running):
            if waiting:
                current[slot] = waiting.pop()
                world.start(slot, int(current[slot]))
                fresh[slot], times[slot], distances[slot] = True, [], []
        if not world.running.any():
            return
        went = world.running.copy()
        actions, plans, took = driver.act(world.states.astype(np.float32), world.goals.astype(np.float32), fresh)
        for slot in np.flatnonzero(went):
            times[slot].append(float(took[slot]))
            if plans is not None and last is not None and not fresh[slot]:
                distances[slot].append(float(np.abs(plans[slot, :-1] - last[slot, 1:]).mean()))
        last = plans
        world.step(actions)
        for slot in np.flatnonzero(went & ~world.running):
            yield {
                **world.metrics(slot), "seed": int(current[slot]), "plan_ms": float(np.median(times[slot])),
                "plan_distance": float(np.mean(distances[slot])) if distances[slot] else None,
            }  # fmt: skip


def summary(episodes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Rates with Wilson intervals, and means over the episodes that have the figure."""
    row: dict[str, Any] = {"episodes": len(episodes)}
    for name in ("success", "strict", "crash"):
        count = sum(bool(episode[name]) for episode in episodes)
        row[f"{name}_count"], row[f"{name}_rate"] = count, count / len(episodes)
        row[f"{name}_interval"] = list(wilson_interval(count, len(episodes)))
    for name in ("steps_to_success", "action_rate", "plan_distance", "return"):
        values = [episode[name] for episode in episodes if episode[name] is not None]
        row[name] = float(np.mean(values)) if values else None
    row["plan_ms"] = float(np.median([episode["plan_ms"] for episode in episodes]))
    return row
