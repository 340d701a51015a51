"""The loop of PETS in two functions: `explore`, and `next_trial`. Each gives all that the next one depends on.

Every random number is drawn from a stream of its own, named by the seed, the trial and what it is for. So a trial depends on
nothing but the settings and the `Learnt` that it is given: a run that was killed and goes on from there takes the same course.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from mbrl_fast.agent import Agent
from mbrl_fast.data import Transitions, concatenate
from mbrl_fast.episode import Episode, Recorder, run_episode
from mbrl_fast.evaluation import evaluate
from mbrl_fast.online.fit import Models, fit, hand_over
from mbrl_fast.online.settings import PETSSettings
from mbrl_fast.planners import REGISTRY, Planner
from mbrl_fast.problem import Problem

if TYPE_CHECKING:
    from mbrl_fast.training import History

_STREAMS = ("explore", "start", "fit", "plan", "evaluate")
Record = dict[str, Any]
"""What a trial's line in metrics.jsonl says: plain numbers and lists."""


@dataclass(frozen=True)
class Learnt:
    """What is known after some trials: everything that the next one depends on."""

    trial: int
    """How many there were; 0 after the exploration."""
    data: Transitions
    """All that was seen."""
    records: tuple[Record, ...]
    """A line of metrics.jsonl for each exploration episode and each trial."""
    models: Models | None = None
    """With which the last trial ended; None before the first."""

    @property
    def trials(self) -> list[Record]:
        """The trials' records, without the exploration's."""
        return [record for record in self.records if record["event"] == "trial"]

    @property
    def returns(self) -> NDArray[np.float64]:
        """[trials], the sum of the environment's rewards in each trial's episode."""
        return np.array([record["return"] for record in self.trials])

    @property
    def steps(self) -> NDArray[np.int64]:
        """[trials], real steps when each trial had ended, the exploration's among them."""
        return np.array([record["step"] for record in self.trials], np.int64)


def stream(seed: int, trial: int, purpose: str, number: int = 0) -> int:
    """Seed of one of the random streams of a trial; `number` tells apart those for the same purpose."""
    words = np.random.SeedSequence([seed, trial, _STREAMS.index(purpose), number])
    return int(words.generate_state(1)[0])


class RandomDriver:
    """Actions drawn evenly between the bounds: the exploration of PETS."""

    def __init__(self, task: Any, seed: int) -> None:
        self.low, self.high = task.action_low, task.action_high
        self.generator = np.random.default_rng(seed)

    def reset(self) -> None:
        """Nothing to forget."""

    def act(self, observation: Any) -> NDArray[np.float32]:
        """Draw an action, [action_size]."""
        return np.asarray(self.generator.uniform(self.low, self.high), np.float32)


def explore(settings: PETSSettings, task: Any) -> Learnt:
    """Drive the exploration episodes."""
    parts, records, steps = list[Transitions](), list[Record](), 0
    for number in range(settings.exploration_episodes):
        driver = RandomDriver(task, stream(settings.seed, 0, "explore", number))
        episode = run_episode(driver, task, stream(settings.seed, 0, "start", number), settings.max_steps)
        parts.append(transitions_of(episode))
        steps += len(episode.actions)
        records.append(_record("explore", episode, 0, steps, {"seconds_environment": 1e-3 * float(episode.env_ms.sum())}))
    return Learnt(0, concatenate(parts), tuple(records))


def next_trial(
    settings: PETSSettings, task: Any, learnt: Learnt, problem: Problem | None = None, progress: bool = False
) -> tuple[Learnt, Problem]:
    """Fit, plan an episode, and add what was seen.

    Args:
        settings, task: what and how.
        learnt: of the trials before, by which alone the numbers are determined.
        problem: of the trial before, whose weights are replaced; None makes a new one.
        progress: show bars.
    """
    learner = _Learner(settings, task, learnt, problem, progress)
    steps = settings.max_steps or getattr(task, "max_steps", None)
    with tqdm(total=steps, desc=f"trial {learner.trial}", unit="step", leave=False, disable=not progress) as bar:

        def after_step(recorder: Recorder) -> None:
            bar.update()
            learner.after_step(recorder)

        learner.refit(learnt.data)
        agent = _Counting(make_planner(settings, learner.problem, stream(settings.seed, learner.trial, "plan")), task)
        start = stream(settings.seed, learner.trial, "start")
        episode = run_episode(agent, task, start, settings.max_steps, after_step=after_step)
    seen = len(learnt.data) + len(episode.actions)
    record = _record("trial", episode, learner.trial, seen, {**learner.numbers(episode), **agent.numbers()})
    if settings.eval_every and learner.trial % settings.eval_every == 0:
        record.update(_evaluate(settings, task, learner.problem))
    data = concatenate([learnt.data, transitions_of(episode)])
    return Learnt(learner.trial, data, (*learnt.records, record), learner.models), learner.problem


def _evaluate(settings: PETSSettings, task: Any, problem: Problem) -> Record:
    """Drive fresh episodes, the same starts after every trial; nothing is learnt from them."""
    begin = perf_counter()
    start, noise = (stream(settings.seed, 0, "evaluate", number) for number in (0, 1))
    agent = Agent(make_planner(settings, problem, noise), task)
    episodes = evaluate(agent, task, settings.eval_episodes, start, max_steps=settings.max_steps).episodes
    record: Record = {
        "evaluation_returns": [float(episode.rewards.sum()) for episode in episodes],
        "evaluation_lengths": [len(episode.actions) for episode in episodes],
    }
    if all("success" in episode.metrics for episode in episodes):
        record["evaluation_successes"] = [bool(episode.metrics["success"]) for episode in episodes]
    return {**record, "seconds_evaluation": perf_counter() - begin}


class _Learner:
    """The model of one trial: fitted at its start, and again within its episode where the settings say so."""

    problem: Problem
    models: Models
    history: History

    def __init__(self, settings: PETSSettings, task: Any, learnt: Learnt, problem: Problem | None, progress: bool) -> None:
        self.settings, self.task, self.before, self.progress = settings, task, learnt, progress
        self.trial, self.fits = learnt.trial + 1, 0
        self._latest, self._problem = learnt.models, problem
        self.seconds = {"fit": 0.0, "export": 0.0}

    def refit(self, data: Transitions) -> None:
        """Fit to this data and hand the weights to the Problem."""
        begin = perf_counter()
        seed = stream(self.settings.seed, self.trial, "fit", self.fits)
        self.models, self.history = fit(self.settings, self.task, data, self._latest, seed, self.progress)
        fitted = perf_counter()
        self.problem = self._problem = hand_over(self.settings, self.task, self.models, self._problem)
        self._latest, self.fits = self.models, self.fits + 1
        self.seconds["fit"] += fitted - begin
        self.seconds["export"] += perf_counter() - fitted

    def after_step(self, recorder: Recorder) -> None:
        """Fit again to what was seen until now, if it is time."""
        if self.settings.retrain_every and recorder.steps % self.settings.retrain_every == 0:
            self.refit(concatenate([self.before.data, transitions_of(recorder.episode())]))

    def numbers(self, episode: Episode) -> Record:
        """Seconds of each phase and the losses of the last fit."""
        seconds = {**self.seconds, "plan": 1e-3 * float(episode.plan_ms.sum()), "environment": 1e-3 * float(episode.env_ms.sum())}
        kept = self.history.best_epoch, np.arange(len(self.history.best_epoch))
        return {
            **{f"seconds_{name}": value for name, value in seconds.items()},
            "fits": self.fits,
            "train_loss": float(self.history.train_loss[kept].mean()),
            "validation_loss": float(self.history.validation_loss[kept].mean()),
            "epochs": len(self.history.train_loss),
        }


class _Counting(Agent):
    """An agent that counts the plans which did not go well."""

    def __init__(self, planner: Any, task: Any) -> None:
        super().__init__(planner, task)
        self.statuses = Counter[str]()
        self.predicted = float("nan")

    def act(self, observation: Any) -> NDArray[np.float32]:
        action = super().act(observation)
        plan: Any = self.plan
        if not self.statuses:
            self.predicted = float(plan.value)
        self.statuses[plan.status] += 1
        return action

    def numbers(self) -> Record:
        """Counts; the return that the first plan expected of its horizon."""
        return {"plans_without_a_finite_candidate": self.statuses["no_finite_candidate"], "first_plan_value": self.predicted}


def make_planner(settings: PETSSettings, problem: Problem, seed: int) -> Planner:
    """The planner of these settings."""
    return REGISTRY[settings.planner](problem, **settings.planner_options(seed))


def transitions_of(episode: Episode) -> Transitions:
    """The steps of an episode as data."""
    count = len(episode.actions)
    terminated = np.zeros(count, np.bool_)
    terminated[-1:] = episode.terminated
    return Transitions(
        states=episode.states[:-1],
        actions=episode.actions,
        next_states=episode.states[1:],
        episodes=np.zeros(count, np.int64),
        crashed=episode.crashed,
        rewards=episode.rewards.astype(np.float32),
        terminated=terminated,
    )


def _record(event: str, episode: Episode, trial: int, step: int, more: Record) -> Record:
    """The line of numbers of one episode; `step` counts real steps until its end."""
    line = {"event": event, "step": step, "trial": trial, "return": float(episode.rewards.sum()), "length": len(episode.actions)}
    outcome = {name: value for name, value in episode.metrics.items() if isinstance(value, bool)}
    return {**line, **outcome, **more}
