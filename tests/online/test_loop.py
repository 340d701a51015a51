"""Trials as functions of what was learnt before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from small_runs import same_data, small

from mbrl_fast.online import Learnt, explore, learner, next_trial
from mbrl_fast.online.learner import stream
from mbrl_fast.tasks import Pendulum

TASK = Pendulum()


@pytest.fixture(scope="module")
def explored() -> Learnt:
    return explore(small(exploration_episodes=2), TASK)


@pytest.fixture(scope="module")
def second(explored: Learnt) -> Learnt:
    """After two trials, one Problem serving both."""
    learnt, problem = next_trial(small(), TASK, explored)
    return next_trial(small(), TASK, learnt, problem)[0]


def test_exploration_is_random_actions_over_the_whole_range(explored: Learnt) -> None:
    assert np.bincount(explored.data.episodes).tolist() == [30, 30]
    assert explored.trial == 0
    assert explored.models is None
    assert explored.data.actions.min() < -1.5
    assert explored.data.actions.max() > 1.5
    assert [(record["event"], record["step"]) for record in explored.records] == [("explore", 30), ("explore", 60)]
    assert explored.returns.tolist() == []


def test_a_trial_adds_what_it_saw_and_what_it_learnt(explored: Learnt, second: Learnt) -> None:
    assert second.trial == 2
    assert second.steps.tolist() == [90, 120]
    assert np.bincount(second.data.episodes).tolist() == [30, 30, 30, 30]
    np.testing.assert_array_equal(second.data.states[:60], explored.data.states)
    assert np.isfinite(second.data.rewards).all()
    assert second.returns[1] == pytest.approx(second.data.rewards[90:].sum(), rel=1e-5)
    record = second.records[-1]
    assert record["trial"] == 2
    assert record["fits"] == 1
    assert record["plans_without_a_finite_candidate"] == 0
    assert all(record[f"seconds_{phase}"] > 0 for phase in ("fit", "export", "plan", "environment"))


def test_a_trial_depends_on_what_was_learnt_alone_and_not_on_a_problem_at_hand(second: Learnt, explored: Learnt) -> None:
    learnt, problem = next_trial(small(), TASK, explored)
    kept, _ = next_trial(small(), TASK, learnt, problem)
    made, _ = next_trial(small(), TASK, learnt)
    same_data(kept, second)
    same_data(made, second)
    assert kept.returns.tolist() == made.returns.tolist() == second.returns.tolist()


def test_the_seed_changes_everything(explored: Learnt) -> None:
    other = explore(small(exploration_episodes=2, seed=1), TASK)
    assert not np.array_equal(other.data.actions, explored.data.actions)
    assert not np.array_equal(other.data.states[0], explored.data.states[0])
    purposes = [stream(seed, trial, purpose) for seed in (0, 1) for trial in (0, 1) for purpose in ("start", "fit", "plan")]
    assert len(set(purposes)) == len(purposes)


def test_no_two_episodes_of_the_exploration_are_alike(explored: Learnt) -> None:
    assert not np.array_equal(explored.data.actions[:30], explored.data.actions[30:])
    assert not np.array_equal(explored.data.states[0], explored.data.states[30])


def test_a_model_is_fitted_within_an_episode_when_asked(explored: Learnt) -> None:
    once, _ = next_trial(small(), TASK, explored)
    often, _ = next_trial(small(retrain_every=10), TASK, explored)
    assert once.records[-1]["fits"] == 1
    assert often.records[-1]["fits"] == 3  # before the first step, after 10 and after 20
    np.testing.assert_array_equal(often.data.actions[60:70], once.data.actions[60:70])
    assert not np.array_equal(often.data.actions[70:80], once.data.actions[70:80])


def test_a_warm_start_goes_on_from_the_last_weights(explored: Learnt) -> None:
    settings = small(epochs=1, learning_rate=1e-12)
    first, _ = next_trial(settings, TASK, explored)
    warm, _ = next_trial(replace(settings, warm_start=True), TASK, first)
    fresh, _ = next_trial(settings, TASK, first)

    def weight(learnt: Learnt) -> torch.Tensor:
        assert learnt.models is not None
        return learnt.models.members[0].state_dict()["network.0.weight"]

    torch.testing.assert_close(weight(warm), weight(first), rtol=0, atol=1e-6)
    assert (weight(fresh) - weight(first)).abs().max() > 1e-2


def test_symmetries_are_learnt_from_when_asked(explored: Learnt) -> None:
    class Turned(Pendulum):
        def symmetries(self, states: Any, actions: Any, next_states: Any, generator: Any) -> Any:
            seen.append(states.shape)
            return states, -actions, next_states

    seen: list[tuple[int, ...]] = []
    plain, _ = next_trial(small(), Turned(), explored)
    assert not seen
    turned, _ = next_trial(small(symmetries=True), Turned(), explored)
    assert len(seen) == small().epochs
    assert plain.records[-1]["train_loss"] != turned.records[-1]["train_loss"]


def test_symmetries_that_a_task_does_not_have_are_refused(explored: Learnt) -> None:
    class Plain:
        """The pendulum without its symmetries."""

        def __getattr__(self, name: str) -> Any:
            if name == "symmetries":
                raise AttributeError(name)
            return getattr(TASK, name)

    with pytest.raises(ValueError, match="symmetries=True needs a task that has symmetries, pendulum has none"):
        next_trial(small(symmetries=True), Plain(), explored)


def test_a_trial_leaves_what_it_was_given_as_it_was(explored: Learnt) -> None:
    settings = small(warm_start=True)
    first, _ = next_trial(settings, TASK, explored)
    assert first.models is not None
    before = {name: value.clone() for name, value in first.models.members[0].state_dict().items()}
    next_trial(settings, TASK, first)
    for name, value in first.models.members[0].state_dict().items():
        assert torch.equal(value, before[name]), name


def test_only_the_best_members_plan(explored: Learnt) -> None:
    learnt, problem = next_trial(small(members=3, elites=2), TASK, explored)
    assert learnt.models is not None
    assert len(learnt.models.members) == 3
    assert len(learnt.models.elites) == problem.members == 2


@pytest.mark.parametrize("planner", ["icem", "mppi", "random_shooting"])
def test_any_planner_that_samples_may_plan(planner: str, explored: Learnt) -> None:
    chosen: dict[str, Any] = {"planner": planner, "planner_settings": {"horizon": 5, "steps_per_knot": 1, "population": 30}}
    if planner == "icem":
        chosen["planner_settings"]["elites"] = 5
    learnt, _ = next_trial(small(**chosen), TASK, explored)
    assert len(learnt.returns) == 1


def test_fresh_episodes_are_evaluated_and_not_learnt_from(explored: Learnt) -> None:
    plain, _ = next_trial(small(), TASK, explored)
    evaluated, _ = next_trial(small(eval_every=1, eval_episodes=3), TASK, explored)
    same_data(plain, evaluated)
    record = evaluated.records[-1]
    assert len(set(record["evaluation_returns"])) == 3
    assert record["evaluation_lengths"] == [30, 30, 30]
    assert record["evaluation_successes"] == [False, False, False]
    assert "evaluation_returns" not in next_trial(small(eval_every=2), TASK, explored)[0].records[-1]


@pytest.mark.parametrize(
    ("given", "members"),
    [
        ({"particles": 4, "propagation": "ts_inf"}, 2),
        ({"particles": 4, "propagation": "ts1"}, 2),
        ({"particles": 5, "propagation": "distribution"}, 1),
        ({"particles": 5, "propagation": "expectation"}, 1),
        ({"particles": 4, "objective": "mean_between", "risk": 1.0}, 2),
    ],
)
def test_particles_go_through_the_networks_as_they_are_told(given: dict[str, Any], members: int, explored: Learnt) -> None:
    learnt, problem = next_trial(small(**given), TASK, explored)
    once, _ = next_trial(small(), TASK, explored)
    assert problem.members == members
    assert learnt.data.actions.tolist() != once.data.actions.tolist()
    assert learnt.records[-1]["plans_without_a_finite_candidate"] == 0


class Unrewarding(Pendulum):
    """The pendulum, whose reward nobody has written down."""

    def reward(self) -> None:  # type: ignore[override]
        """There is none."""


class Leading(Unrewarding):
    """Likewise, and it depends on where it is sent."""

    inputs: ClassVar[dict[str, tuple[int, ...]]] = {"goal": (2,)}


def test_a_reward_that_nobody_has_written_is_learnt(explored: Learnt) -> None:
    settings = small(epochs=40, learning_rate=3e-3)
    first, problem = next_trial(settings, Unrewarding(), explored)
    data = first.data
    _, rewards = problem.step(data.states, data.actions)
    assert np.corrcoef(rewards, data.rewards)[0, 1] > 0.9
    kept, _ = next_trial(settings, Unrewarding(), first, problem)
    made, _ = next_trial(settings, Unrewarding(), first)
    same_data(kept, made)
    with pytest.raises(ValueError, match="a reward cannot be learnt of the task pendulum: it depends on goal, too"):
        next_trial(settings, Leading(), explored)


def test_a_value_is_learnt_and_goes_on_from_the_last_trials(explored: Learnt) -> None:
    settings = small(terminal_value=True)
    first, problem = next_trial(settings, TASK, explored)
    plain, without = next_trial(small(), TASK, explored)
    assert "terminal_value" in problem.graph["programs"]
    assert "terminal_value" not in without.graph["programs"]
    assert first.data.actions.tolist() != plain.data.actions.tolist()
    before = problem.evaluate("terminal_value", {"state": first.data.states})["value"]
    kept, problem = next_trial(settings, TASK, first, problem)
    after = problem.evaluate("terminal_value", {"state": first.data.states})["value"]
    assert not np.array_equal(before, after)
    same_data(kept, next_trial(settings, TASK, first)[0])


def test_reward_and_value_stay_as_they_are_within_an_episode(explored: Learnt) -> None:
    settings = small(terminal_value=True, retrain_every=10)
    often, _ = next_trial(settings, Unrewarding(), explored)
    once, _ = next_trial(replace(settings, retrain_every=0), Unrewarding(), explored)
    assert often.models is not None
    assert once.models is not None
    for part in ("reward", "value"):
        for name, value in once.models.parts()[part].state_dict().items():
            assert torch.equal(often.models.parts()[part].state_dict()[name], value), name


def poison(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """Let every fit end with this number in place of the first layer's weights."""
    real = learner.fit

    def poisoned(*arguments: Any) -> Any:
        models, history = real(*arguments)
        for member in models.members:
            torch.nn.init.constant_(member.get_parameter("network.0.weight"), value)
        return models, history

    monkeypatch.setattr(learner, "fit", poisoned)


def test_a_model_that_diverges_is_counted_and_the_episode_goes_on(explored: Learnt, monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch, 1e30)
    learnt, _ = next_trial(small(), TASK, explored)
    assert len(learnt.data) == 90
    assert learnt.records[-1]["plans_without_a_finite_candidate"] > 0


def test_a_model_that_is_not_a_number_is_refused(explored: Learnt, monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch, float("nan"))
    with pytest.raises(ValueError, match="a weight or bias of the modules is NaN"):
        next_trial(small(), TASK, explored)


def test_a_fit_that_diverges_or_has_nothing_to_learn_from_says_so(explored: Learnt) -> None:
    with pytest.raises(ValueError, match=r"the loss is not finite in epoch 0: lower learning_rate=1e\+30"):
        next_trial(small(learning_rate=1e30), TASK, explored)
    crashed = replace(explored, data=replace(explored.data, crashed=np.ones(60, np.bool_)))
    with pytest.raises(ValueError, match="a fit needs at least 2 steps that did not end in a crash, got 0 of 60"):
        next_trial(small(), TASK, crashed)
