"""What happens within one trial: who drives, who learns, and what they note."""

from __future__ import annotations

from collections import Counter
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.agent import Agent
from mbrl_fast.data import Transitions, concatenate
from mbrl_fast.episode import Episode, Recorder
from mbrl_fast.online.fit import Models, fit, hand_over
from mbrl_fast.online.learnt import Learnt, Record
from mbrl_fast.online.settings import PETSSettings
from mbrl_fast.planners import REGISTRY, Planner
from mbrl_fast.problem import Problem

if TYPE_CHECKING:
    from mbrl_fast.training import History

_STREAMS = ("explore", "start", "fit", "plan", "evaluate")


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


class Learner:
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
        self.models, self.history = fit(self.settings, self.task, data, self._latest, seed, self.fits > 0, self.progress)
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


class CountingAgent(Agent):
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
