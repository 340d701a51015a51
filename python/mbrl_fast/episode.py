"""One episode in the real environment.

Time is measured where it is spent: `plan_ms` around the agent, `env_ms` around the environment, each step by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.agent import Agent
from mbrl_fast.spaces import check_spaces

Metrics = dict[str, Any]


class TrackerLike(Protocol):
    """Watches an episode and says when it is over and how it went."""

    @property
    def done(self) -> bool:
        """Whether there is nothing left to see."""

    def update(self, observation: Any, info: dict[str, Any]) -> None:
        """See the outcome of one environment step."""

    def metrics(self) -> Metrics:
        """Outcome so far: success (bool) and steps_to_success (int or None) where the task knows success, and what else it has."""


class TaskLike(Protocol):
    """What an episode asks of a task."""

    def make_env(self, render_mode: str | None = None) -> Any:
        """Make the gymnasium environment."""

    def observe(self, observation: Any) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Turn an observation into a state and inputs."""

    def tracker(self) -> TrackerLike:
        """Make a fresh tracker for one episode."""


class CameraLike(Protocol):
    """Films an episode; `report.video.Camera` does."""

    def start(self, env: Any) -> None:
        """Called once, after the environment's reset."""

    def shoot(self, states: NDArray[np.float32] | None, caption: str) -> None:
        """Called after each plan, before the environment moves. `states` is the plan, [steps + 1, state_size]."""


class DriverLike(Protocol):
    """What drives an episode; `Agent` does. To be filmed or recorded it must plan, as an agent does."""

    def act(self, observation: Any) -> NDArray[np.float32]:
        """Give the action for an observation, float32 [action_size]."""

    def reset(self) -> None:
        """Begin a new episode."""


@dataclass(frozen=True, repr=False)
class Episode:
    """What happened in one episode of T steps."""

    seed: int
    states: NDArray[np.float32]
    """[T + 1, state_size], as the task observes them."""
    actions: NDArray[np.float32]
    """[T, action_size]"""
    rewards: NDArray[np.float64]
    """[T], the environment's own."""
    plan_ms: NDArray[np.float64]
    """[T], milliseconds in the agent at each step."""
    env_ms: NDArray[np.float64]
    """[T], milliseconds in the environment at each step (a camera's drawing between its substeps included)."""
    inputs: dict[str, NDArray[np.float32]]
    """Run-time inputs at the first step, such as the goal."""
    metrics: Metrics
    """The tracker's last word, and the return: the sum of the rewards, where the tracker has none of its own."""
    plans: list[NDArray[np.float32]] = field(default_factory=list)
    """The planned states at each step, [steps + 1, state_size] each; empty unless recorded."""
    crashed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    """[T], whether the environment said of a step that it ended in a crash."""
    terminated: bool = False
    """Whether the environment ended it because of where it led, and not because time was up."""
    task: Any = None
    """Whose episode it is, if known: for names and units in pictures, and for the picture that suits it."""
    video: Path | None = None
    """The film of it, if there is one."""

    def __repr__(self) -> str:
        milliseconds = float(np.median(self.plan_ms)) if len(self.plan_ms) else float("nan")
        name = getattr(self.task, "name", "of an unnamed task")
        return f"Episode({name}, seed {self.seed}: {ending(self)}, plans of {milliseconds:.3g} ms)"

    def _repr_html_(self) -> str:
        from mbrl_fast.report.cards import episode_card

        return episode_card(self)


class Recorder:
    """Notes an episode step by step."""

    def __init__(self, seed: int, state: NDArray[np.float32], inputs: dict[str, NDArray[np.float32]], task: Any = None) -> None:
        self.seed, self.inputs, self.task, self.terminated = seed, inputs, task, False
        self.states, self.actions, self.plans = [state], list[NDArray[np.float32]](), list[NDArray[np.float32]]()
        self.rewards, self.plan_ms, self.env_ms, self.crashed = list[float](), list[float](), list[float](), list[bool]()

    @property
    def steps(self) -> int:
        """How many there were so far."""
        return len(self.actions)

    def episode(self, metrics: Metrics | None = None) -> Episode:
        """Give the episode as far as it has come."""
        return Episode(
            seed=self.seed,
            states=np.array(self.states, dtype=np.float32),
            actions=np.array(self.actions, dtype=np.float32),
            rewards=np.array(self.rewards),
            plan_ms=np.array(self.plan_ms),
            env_ms=np.array(self.env_ms),
            inputs=self.inputs,
            metrics={"return": float(np.sum(self.rewards)), **(metrics or {})},
            plans=self.plans,
            crashed=np.array(self.crashed, dtype=np.bool_),
            terminated=self.terminated,
            task=self.task,
        )


def run_episode(
    agent: DriverLike,
    task: TaskLike,
    seed: int,
    max_steps: int | None = None,
    record: bool = False,
    camera: CameraLike | None = None,
    after_step: Callable[[Recorder], None] | None = None,
) -> Episode:
    """Drive one episode, from a reset of the agent and of the environment to the end.

    Args:
        agent: drives.
        task: makes the environment, and the tracker that may end the episode early.
        seed: of the environment's reset.
        max_steps: stop after so many steps; None leaves it to the environment.
        record: keep every plan, for plots.
        camera: films the episode; the environment is then made with `render_mode="rgb_array"`.
        after_step: called after each step but the last with what happened so far; may change what the agent plans with.
    """
    if max_steps is not None and max_steps < 1:
        raise ValueError(f"max_steps must be >= 1, got {max_steps}")
    env = task.make_env(render_mode="rgb_array" if camera else None)
    try:
        return _drive(env, agent, task, seed, max_steps, record, camera, after_step)
    finally:
        env.close()


def _drive(
    env: Any,
    agent: DriverLike,
    task: TaskLike,
    seed: int,
    max_steps: int | None,
    record: bool,
    camera: CameraLike | None,
    after_step: Callable[[Recorder], None] | None,
) -> Episode:
    agent.reset()
    tracker = task.tracker()
    observation, _ = env.reset(seed=seed)
    state, inputs = task.observe(observation)
    recorder = Recorder(seed, state, inputs, task)
    check_spaces(env, task, recorder.states[0])
    if camera:
        camera.start(env)
    while True:
        begin = perf_counter()
        action = agent.act(observation)
        recorder.plan_ms.append(1e3 * (perf_counter() - begin))
        if camera:
            camera.shoot(_planned_states(agent), f"step {recorder.steps}   plan {recorder.plan_ms[-1]:.1f} ms")
        if record:
            recorder.plans.append(_planned_states(agent))
        begin = perf_counter()
        observation, reward, terminated, truncated, info = env.step(action)
        recorder.env_ms.append(1e3 * (perf_counter() - begin))
        recorder.actions.append(action)
        recorder.rewards.append(float(reward))
        recorder.crashed.append(bool(info.get("crashed", False)))
        recorder.states.append(task.observe(observation)[0])
        tracker.update(observation, info)
        if terminated or truncated or tracker.done or recorder.steps == max_steps:
            break
        if after_step:
            after_step(recorder)
    recorder.terminated = bool(terminated)
    if camera:
        camera.shoot(None, f"step {recorder.steps}   {outcome(tracker.metrics())}")
    return recorder.episode(tracker.metrics())


def _planned_states(agent: DriverLike) -> NDArray[np.float32]:
    assert isinstance(agent, Agent)
    assert agent.plan is not None
    return np.array(agent.plan.states, dtype=np.float32)


def ending(episode: Episode) -> str:
    """Say how an episode ended, after how many steps, and with which return."""
    steps = len(episode.actions)
    dt = getattr(episode.task, "dt", None)
    seconds = f" = {steps * dt:.4g} s" if dt else ""
    total = f", return {episode.metrics['return']:.4g}" if "return" in episode.metrics else ""
    return f"{outcome(episode.metrics)} after {steps} steps{seconds}{total}"


def outcome(metrics: Metrics) -> str:
    """Say in a few words how an episode ended."""
    if "success" not in metrics:
        return "over"
    if "strict" not in metrics:
        return "success" if metrics["success"] else "no success"
    if metrics["strict"]:
        return "parked, at rest"
    if metrics["crash"]:
        return "crashed"
    if metrics.get("crash_after_success"):
        return "reached the spot, then crashed"
    if metrics["success"]:
        return "reached the spot, did not stay"
    return "out of time"
