"""The loop of PETS in two functions: `explore`, and `next_trial`. Each gives all that the next one depends on.

Every random number is drawn from a stream of its own, named by the seed, the trial and what it is for. So a trial depends on
nothing but the settings and the `Learnt` that it is given: a run that was killed and goes on from there takes the same course.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from tqdm.auto import tqdm

from mbrl_fast.agent import Agent
from mbrl_fast.data import Transitions, concatenate
from mbrl_fast.episode import Episode, Recorder, run_episode
from mbrl_fast.evaluation import evaluate
from mbrl_fast.online.learner import CountingAgent, Learner, RandomDriver, make_planner, stream, transitions_of
from mbrl_fast.online.learnt import Learnt, Record
from mbrl_fast.online.settings import PETSSettings
from mbrl_fast.problem import Problem


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
    learner = Learner(settings, task, learnt, problem, progress)
    steps = settings.max_steps or getattr(task, "max_steps", None)
    with tqdm(total=steps, desc=f"trial {learner.trial}", unit="step", leave=False, disable=not progress) as bar:

        def after_step(recorder: Recorder) -> None:
            bar.update()
            learner.after_step(recorder)

        learner.refit(learnt.data)
        agent = CountingAgent(make_planner(settings, learner.problem, stream(settings.seed, learner.trial, "plan")), task)
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


def _record(event: str, episode: Episode, trial: int, step: int, more: Record) -> Record:
    """The line of numbers of one episode; `step` counts real steps until its end."""
    line = {"event": event, "step": step, "trial": trial, "return": float(episode.rewards.sum()), "length": len(episode.actions)}
    outcome = {name: value for name, value in episode.metrics.items() if isinstance(value, bool)}
    return {**line, **outcome, **more}
