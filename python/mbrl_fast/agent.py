"""The control loop's glue: an observation goes in, an action comes out.

An agent is a planner and a task. The task turns observations into a state and run-time inputs; the planner turns
those into a plan; the agent gives the plan's first action. It needs NumPy alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Observation = Any
"""Whatever the task's environment gives: an array, or a dict of arrays."""


class PlanLike(Protocol):
    """What an agent reads of a plan. One plan, or one per row with a leading axis `[batch]`."""

    @property
    def action(self) -> Array:
        """First action of the plan, [action_size]."""

    @property
    def states(self) -> Array:
        """What the plan intends, [steps + 1, state_size]."""


class PlannerLike(Protocol):
    """What an agent asks of a planner: any of the package's, the reference twins, or your own."""

    def plan(self, state: Array, **inputs: Any) -> PlanLike:
        """Plan from state [state_size]."""

    def reset(self) -> None:
        """Forget the last plan, and begin again with the seed's first random numbers."""


class BatchPlannerLike(Protocol):
    """What an agent asks of a planner for batched observations."""

    def plan_batch(self, states: Array, **inputs: Any) -> PlanLike:
        """Plan from each row of states [batch, state_size], with one warm start a row."""

    def reset(self, rows: Iterable[int] | None = None) -> None:
        """Forget the last plans of these rows of the batch; of all if None."""


class TaskLike(Protocol):
    """What an agent asks of a task."""

    def observe(self, observation: Observation) -> tuple[Array, dict[str, Array]]:
        """Turn an observation into state [state_size] and inputs; a batch of them into [batch, ...] of each."""


class Agent:
    """Drives a task with a planner.

    It has stable-baselines3's `predict`, so `stable_baselines3.common.evaluation.evaluate_policy(agent, env)` works,
    and mbrl-lib's `act` and `reset`. The warm start lives in the planner, one for the single agent and one for each
    row of a batch, so the `state` of `predict` is always None.

    Args:
        planner: plans; see `PlannerLike`, and `BatchPlannerLike` for batched observations.
        task: observes; see `TaskLike`.
        delay: seconds until an action takes effect, which every plan then looks across (`CEM.plan`).

    A planner with a `max_rate` in its settings is told the last action.
    """

    def __init__(self, planner: PlannerLike, task: TaskLike, delay: float = 0.0) -> None:
        if not 0 <= delay < float("inf"):
            raise ValueError(f"delay must be >= 0 seconds and finite, got {delay}")
        self.planner = planner
        self.task = task
        self.delay = delay
        self.plan: PlanLike | None = None
        """The last plan made, for drawing and for logs; batched after a batched `predict`."""

    def act(self, observation: Observation) -> Array:
        """Plan from one observation. Returns the action, float32 [action_size], a copy of the caller's own."""
        state, inputs = self.task.observe(observation)
        self.plan = self.planner.plan(state, **self._options(), **inputs)
        return np.array(self.plan.action, dtype=np.float32)

    def reset(self) -> None:
        """Begin a new episode: no warm start, and the same random numbers as after every other reset."""
        self.planner.reset()
        self.plan = None

    def predict(
        self,
        observation: Observation,
        state: tuple[Array, ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, None]:
        """Plan from one observation or from a batch of them, as stable-baselines3 policies do.

        Args:
            observation: as the task's environment gives it; batched if the state that the task observes is
                [batch, state_size].
            state: ignored: the warm start lives in the planner.
            episode_start: bool [batch] (or one bool): rows that begin an episode forget their last plan.
            deterministic: ignored: a planner draws from its own seed and adds no exploration noise.

        Returns:
            actions float32 [action_size] or [batch, action_size], and None.
        """
        observed, inputs = self.task.observe(observation)
        if observed.ndim == 1:
            if episode_start is not None and bool(np.all(episode_start)):
                self.reset()
            return self.act(observation), None
        planner = self._batch_planner()
        self._reset_rows(planner, len(observed), episode_start)
        self.plan = planner.plan_batch(observed, **self._options(), **inputs)
        return np.array(self.plan.action, dtype=np.float32), None

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"delay": self.delay} if self.delay > 0 else {}
        limited = getattr(getattr(self.planner, "settings", None), "max_rate", None) is not None
        if limited and self.plan is not None:
            options["previous_action"] = np.asarray(self.plan.action)
        return options

    def _batch_planner(self) -> BatchPlannerLike:
        if not hasattr(self.planner, "plan_batch"):
            raise TypeError(f"{type(self.planner).__name__} plans one state at a time: it has no plan_batch")
        return cast(BatchPlannerLike, self.planner)

    def _reset_rows(self, planner: BatchPlannerLike, rows: int, episode_start: NDArray[np.bool_] | None) -> None:
        if episode_start is None:
            return
        mask = np.asarray(episode_start, dtype=bool)
        if mask.shape != (rows,):
            raise ValueError(f"episode_start must have shape ({rows},), one bool a row, got {mask.shape}")
        if mask.all():
            planner.reset()
        elif mask.any():
            planner.reset(np.flatnonzero(mask))
