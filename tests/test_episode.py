"""Episodes and their statistics, on a toy environment with a known outcome."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mbrl_fast.agent import Agent
from mbrl_fast.demo import progress_bar
from mbrl_fast.episode import outcome, run_episode
from mbrl_fast.evaluation import EvaluationResult, evaluate, wilson_interval


class LineEnv:
    """A point on a line that moves by the action; the seed says where it starts. It ends beyond 100."""

    def __init__(self) -> None:
        self.closed = False

    def reset(self, seed: int) -> tuple[Any, dict[str, Any]]:
        self.x = float(seed)
        return np.array([self.x]), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        time.sleep(0.002)
        self.x += float(action[0])
        return np.array([self.x]), -self.x, self.x > 100, False, {"crashed": self.x > 100}

    def close(self) -> None:
        self.closed = True


class LineTracker:
    """Success at 10 or beyond; done two steps later, at 12 or beyond."""

    def __init__(self) -> None:
        self.done, self.steps, self.success, self.crash = False, 0, None, False

    def update(self, observation: Any, info: dict[str, Any]) -> None:
        self.steps += 1
        self.crash |= info["crashed"]
        if observation[0] >= 10 and self.success is None:
            self.success = self.steps
        self.done = bool(observation[0] >= 12)

    def metrics(self) -> dict[str, Any]:
        return {
            "success": self.success is not None and not self.crash,
            "strict": self.done and not self.crash,
            "crash": self.crash,
            "steps_to_success": self.success,
            "steps_to_strict": self.steps if self.done and not self.crash else None,
            "steps": self.steps,
            "return": 1.0,
            "action_rate": 0.0,
        }


class LineTask:
    """Counts the environments that are open, to see that each is closed."""

    def __init__(self) -> None:
        self.envs: list[LineEnv] = []

    def make_env(self, render_mode: str | None = None) -> LineEnv:
        self.envs.append(LineEnv())
        return self.envs[-1]

    def observe(self, observation: Any) -> tuple[Any, dict[str, Any]]:
        return np.asarray(observation, np.float32), {"goal": np.array([10], np.float32)}

    def tracker(self) -> LineTracker:
        return LineTracker()


class StepPlanner:
    """Moves by `speed`; the first plan after a reset is slow, as real ones are."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed, self.fresh = speed, True

    def reset(self) -> None:
        self.fresh = True

    def plan(self, state: Any, *, goal: Any) -> SimpleNamespace:
        time.sleep(0.02 if self.fresh else 0.0)
        self.fresh = False
        return SimpleNamespace(action=np.array([self.speed]), states=np.array([state, state + self.speed]))


def make_agent() -> Agent:
    return Agent(StepPlanner(), LineTask())


def test_an_episode_ends_when_the_tracker_has_seen_enough() -> None:
    task = LineTask()
    episode = run_episode(make_agent(), task, seed=5)
    assert episode.metrics["strict"]
    assert episode.states[:, 0].tolist() == list(range(5, 13))
    assert episode.actions.shape == (7, 1)
    assert episode.rewards.tolist() == [-x for x in range(6, 13)]
    assert episode.inputs["goal"].tolist() == [10]
    assert episode.plans == []
    assert [env.closed for env in task.envs] == [True]


def test_an_episode_ends_when_the_environment_ends_or_the_steps_run_out() -> None:
    crashed = run_episode(Agent(StepPlanner(200), LineTask()), LineTask(), seed=0)
    assert (len(crashed.actions), crashed.metrics["crash"]) == (1, True)
    cut = run_episode(make_agent(), LineTask(), seed=0, max_steps=3)
    assert (len(cut.actions), cut.metrics["success"]) == (3, False)


def test_planning_and_environment_are_timed_apart() -> None:
    episode = run_episode(make_agent(), LineTask(), seed=5)
    assert episode.plan_ms[0] >= 20
    assert np.median(episode.plan_ms) < 2
    assert (episode.env_ms >= 2).all()


def test_recorded_plans_are_what_was_intended_at_each_step() -> None:
    episode = run_episode(make_agent(), LineTask(), seed=9, record=True)
    assert [plan[:, 0].tolist() for plan in episode.plans] == [[9, 10], [10, 11], [11, 12]]


@pytest.mark.parametrize("jobs", [1, 2])
def test_evaluate_records_plans_when_asked(jobs: int) -> None:
    assert [len(episode.plans) for episode in evaluate(make_agent, LineTask(), 2, seed=9, jobs=jobs, record=True).episodes] == [
        3,
        2,
    ]
    assert evaluate(make_agent, LineTask(), 1, seed=9, jobs=jobs).episodes[0].plans == []


def test_an_episode_knows_whose_it_is_and_its_words_are_few() -> None:
    task = LineTask()
    episode = run_episode(make_agent(), task, seed=9)
    assert episode.task is task
    said = repr(episode)
    assert said.startswith("Episode(of an unnamed task, seed 9: parked, at rest after 3 steps, return 1, plans of ")
    assert said.endswith(" ms)")


def test_a_camera_sees_every_plan_and_the_end() -> None:
    shots: list[Any] = []
    camera = SimpleNamespace(start=shots.append, shoot=lambda states, caption: shots.append((states is None, caption)))
    run_episode(make_agent(), LineTask(), seed=10, camera=camera)
    assert isinstance(shots[0], LineEnv)
    assert [last for last, _ in shots[1:]] == [False, False, True]
    assert shots[-1][1] == "step 2   parked, at rest"


def test_the_environment_is_closed_when_something_fails() -> None:
    task = LineTask()
    broken = Agent(SimpleNamespace(plan=lambda state, goal: 1 / 0, reset=lambda: None), task)
    with pytest.raises(ZeroDivisionError):
        run_episode(broken, task, seed=0)
    assert task.envs[0].closed


@pytest.mark.parametrize("jobs", [1, 2])
def test_evaluate_uses_consecutive_seeds_in_order_for_any_number_of_jobs(jobs: int) -> None:
    result = evaluate(make_agent, LineTask(), episodes=5, seed=3, jobs=jobs)
    assert [episode.seed for episode in result.episodes] == [3, 4, 5, 6, 7]
    assert [len(episode.actions) for episode in result.episodes] == [9, 8, 7, 6, 5]


def test_evaluate_reports_progress_as_episodes_finish() -> None:
    seen: list[int] = []

    def progress(finished: Any, total: int) -> Any:
        assert total == 2
        for episode in finished:
            seen.append(episode.seed)
            yield episode

    evaluate(make_agent(), LineTask(), 2, seed=0, progress=progress)
    assert seen == [0, 1]


def test_evaluate_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="episodes must be >= 1, got 0"):
        evaluate(make_agent, LineTask(), 0, seed=0)
    with pytest.raises(ValueError, match="jobs must be >= 1, got 0"):
        evaluate(make_agent, LineTask(), 1, seed=0, jobs=0)
    with pytest.raises(TypeError, match="agent must be a function that makes one when jobs > 1"):
        evaluate(make_agent(), LineTask(), 2, seed=0, jobs=2)
    with pytest.raises(ValueError, match="max_steps must be >= 1, got 0"):
        run_episode(make_agent(), LineTask(), 0, max_steps=0)


def test_the_json_line_has_rates_counts_intervals_and_times() -> None:
    episodes = (
        run_episode(make_agent(), LineTask(), 5),
        run_episode(make_agent(), LineTask(), 8),
        run_episode(make_agent(), LineTask(), 0, max_steps=2),
        run_episode(Agent(StepPlanner(200), LineTask()), LineTask(), 1),
    )
    line = EvaluationResult(episodes).to_dict()
    assert (line["episodes"], line["first_seed"]) == (4, 5)
    assert (line["success_rate"], line["success_count"]) == (0.5, 2)
    assert line["strict_rate"] == 0.5
    assert line["crash_rate"] == 0.25
    assert line["success_interval"] == list(wilson_interval(2, 4))
    assert line["mean_steps_strict"] == (7 + 4) / 2
    assert line["plans"] == 6 + 3 + 1  # each episode's first plan is left out
    assert line["first_plan_ms_median"] >= 20
    assert line["plan_ms_median"] <= line["plan_ms_p99"] < 20


def test_means_over_no_episode_are_none_and_not_nan() -> None:
    line = EvaluationResult((run_episode(make_agent(), LineTask(), 0, max_steps=2),)).to_dict()
    assert line["mean_steps"] is None
    assert line["mean_steps_strict"] is None


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:857, table I (method 3), and the closed form at 0 and n of n
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718), (10, 10, 0.7225, 1.0)],
)
def test_wilson_interval_agrees_with_published_values(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=6e-5)


def test_wilson_interval_of_nothing_is_nan_and_of_nonsense_refused() -> None:
    assert all(map(math.isnan, wilson_interval(0, 0)))
    with pytest.raises(ValueError, match=r"successes must be in 0\.\.trials, got successes=3, trials=2"):
        wilson_interval(3, 2)


def test_outcome_says_how_it_ended() -> None:
    words = [
        outcome({"success": success, "strict": strict, "crash": crash, "crash_after_success": after})
        for success, strict, crash, after in [(1, 1, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 0, 0), (1, 0, 0, 1)]
    ]
    expected = ["parked, at rest", "reached the spot, did not stay", "crashed", "out of time", "reached the spot, then crashed"]
    assert words == expected


def test_an_episode_knows_its_crash_and_its_termination_and_is_watched_step_by_step() -> None:
    seen: list[int] = []
    ended = run_episode(Agent(StepPlanner(200), LineTask()), LineTask(), seed=0)
    assert ended.terminated
    assert ended.crashed.tolist() == [True]
    whole = run_episode(make_agent(), LineTask(), 5, after_step=lambda recorder: seen.append(len(recorder.episode().actions)))
    assert not whole.terminated
    assert not whole.crashed.any()
    assert seen == [1, 2, 3, 4, 5, 6]  # of seven: not after the last


def test_the_bar_counts_what_the_task_knows(capsys: pytest.CaptureFixture[str]) -> None:
    episodes = [run_episode(make_agent(), LineTask(), 0), run_episode(make_agent(), LineTask(), 0)]
    assert list(progress_bar(episodes, 2)) == episodes
    assert "success=2" in capsys.readouterr().err
    unknowing = [replace(episode, metrics={"return": 1.0}) for episode in episodes]
    assert list(progress_bar(unknowing, 2)) == unknowing
    assert "success" not in capsys.readouterr().err
