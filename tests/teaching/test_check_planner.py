"""The teacher kit names what a planner gets wrong: right planners written in several ways, and wrong ones, one line changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import mbrl_fast as mf
from mbrl_fast import reference
from mbrl_fast.reference.notebook import DynamicsModel, reward_model
from mbrl_fast.rewards import GoalDistance
from mbrl_fast.teaching.exercise import Exercise, Switches, solve
from mbrl_fast.teaching.mistakes import same

NOTEBOOK = """
def predict_trajectory(state, actions, model, action_repeat=1):
    states = []
    for action in actions:
        for _ in range(action_repeat):
            state = model(state, action)
            states.append(state)
    return torch.stack(states, dim=0)

def cem_planner(state, goal, action_size, horizon=5, population=100, selection=10, iterations=5):
    start = state
    state = state.expand(population, -1)
    action_mean = torch.zeros(horizon, 1, action_size)
    action_std = torch.ones(horizon, 1, action_size)
    for _ in range(iterations):
        actions = action_mean + action_std * torch.randn(horizon, population, action_size)
        actions = torch.clamp(actions, min=-1.0, max=1.0)
        states = predict_trajectory(state, actions, dynamics, action_repeat=5)
        returns = reward_model(states, goal).sum(dim=0)
        _, best = returns.topk(selection, largest=True, sorted=False)
        best_actions = actions[:, best, :]
        action_mean = best_actions.mean(dim=1, keepdim=True)
        action_std = best_actions.std(dim=1, unbiased=False, keepdim=True)
    return action_mean[0].squeeze(dim=0)
"""
"""The notebook's, as it stands there: model and reward are global variables."""
DRAW, CLAMP = "torch.randn(horizon, population, action_size)", "actions = torch.clamp(actions, min=-1.0, max=1.0)"
ANSWER, MEAN = "action_mean[0].squeeze(dim=0)", "action_mean = best_actions.mean(dim=1, keepdim=True)"
STD, BEGIN = (
    "action_std = best_actions.std(dim=1, unbiased=False, keepdim=True)",
    "action_mean = torch.zeros(horizon, 1, action_size)",
)


def student(*changes: tuple[str, str]) -> Callable[..., Any]:
    """The notebook's planner, other words in place of some."""
    source = NOTEBOOK
    for old, new in changes:
        assert source.count(old) == 1
        source = source.replace(old, new)
    torch.manual_seed(0)
    known: dict[str, Any] = {"torch": torch, "np": np, "reward_model": reward_model, "dynamics": DynamicsModel(), "memory": {}}
    exec(source, known)
    return known["cem_planner"]  # type: ignore[no-any-return]


def check(planner: Callable[..., Any], **settings: Any) -> mf.teaching.PlannerCheck:
    return mf.check_planner(planner, planner.__globals__["dynamics"], horizon=3, population=60, iterations=3, **settings)


RIGHT = {
    "the notebook's": [],
    "candidates first": [(DRAW, "torch.randn(population, horizon, action_size).transpose(0, 1)")],
    "flat": [(DRAW, "torch.randn(population, horizon * action_size).reshape(population, horizon, -1).transpose(0, 1)")],
    "knot by knot": [(DRAW, "torch.stack([torch.randn(population, action_size) for _ in range(horizon)])")],
    "randn_like": [(DRAW, "torch.randn_like(action_mean.expand(-1, population, -1))")],
    "normal": [(f"action_mean + action_std * {DRAW}", "torch.normal(action_mean.expand(-1, population, -1), action_std)")],
    "a distribution": [
        (f"action_mean + action_std * {DRAW}",
         "torch.distributions.Normal(action_mean[:, 0], action_std[:, 0] + 1e-9).sample((population,)).transpose(0, 1)"),
    ],
    "in place": [(DRAW, "torch.empty(horizon, population, action_size).normal_()")],
    "argsort": [("_, best = returns.topk(selection, largest=True, sorted=False)", "best = returns.argsort()[-selection:]")],
}  # fmt: skip


@pytest.mark.parametrize("changes", RIGHT.values(), ids=RIGHT.keys())
def test_right_planners_agree_however_they_are_written(changes: list[tuple[str, str]]) -> None:
    found = check(student(*changes))
    assert found.ok, found
    assert repr(found) == "The planner agrees with the reference: candidates, states, elites and answer, in two plans."


def test_a_planner_may_ask_for_model_and_reward_and_the_sizes() -> None:
    assert mf.check_planner(reference.cem_planner, horizon=5, population=30, selection=4, iterations=2).ok


WRONG: dict[str, tuple[list[tuple[str, str]], str]] = {
    "unbiased std": ([("unbiased=False, ", "")], r"1\.054 times too large\. Pass unbiased=False"),
    "variance for std": ([(STD, STD.replace(".std(", ".var("))], "variance"),
    "bounds not clipped": ([(CLAMP, "pass")], r"\[-1, 1\]"),
    "minimises": ([("largest=True", "largest=False")], "smallest returns"),
    "minimises ": ([("reward_model(states, goal)", "-reward_model(states, goal)")], "sign"),
    "last reward only": ([("reward_model(states, goal).sum(dim=0)", "reward_model(states[-1], goal)")], "all 15 states"),
    "state does not advance": ([("            state = model(state, action)\n            states.append(state)",
                                 "            states.append(model(state, action))")], "first state"),
    "mean not refitted": ([(MEAN, "pass")], "mean"),
    "std not refitted": ([(STD, "pass")], "std"),
    "last knot answered": ([(ANSWER, "action_mean[-1].squeeze(dim=0)")], "must be the first"),
    "best candidate answered": ([("sorted=False", "sorted=True"), (ANSWER, "best_actions[0, 0]")], "best candidate"),
    "action repeat ignored": ([("action_repeat=5", "action_repeat=1")], "held for 1 model step, not for 5"),
    "wrong action repeat": ([("action_repeat=5", "action_repeat=2")], "held for 2 model steps, not for 5"),
    "wrong iterations": ([("range(iterations)", "range(iterations - 1)")], "iterates 2 times, not 3"),
    "wrong number of elites": ([("topk(selection", "topk(selection // 2")], "5 elites, not to 10"),
    "wrong first std": ([("torch.ones(horizon, 1, action_size)", "torch.full((horizon, 1, action_size), 0.5)")], "is 0.5, not 1"),
    "wrong first mean": ([(BEGIN, BEGIN + " + 0.25")], "is 0.25, not 0"),
    "warm start": ([(BEGIN, f"action_mean = memory.get('mean', {BEGIN.split(' = ')[1]})"),
                    (f"return {ANSWER}", f"memory['mean'] = action_mean; return {ANSWER}")], "second plan"),
    "wrong shape": ([(f"return {ANSWER}", "return action_mean")], r"shape \[2\], the first action; it has \[3, 1, 2\]"),
    "wrong dtype": ([(ANSWER, ANSWER + ".double()")], "must be float32; it is float64"),
    "not finite": ([(ANSWER, ANSWER + " / 0 * 0")], "finite; it is .*nan"),
    "no tensor": ([(ANSWER, ANSWER + ".numpy()")], "it is a ndarray"),
    "changes its arguments": ([(f"return {ANSWER}", f"start.zero_(); return {ANSWER}")], "changes the state"),
    "raises": ([(f"return {ANSWER}", "return action_means")], "raises NameError: name 'action_means'"),
    "no noise": ([(DRAW, "torch.from_numpy(np.random.default_rng(0).normal(size=(horizon, population, action_size))).float()")],
                 "use torch.randn"),
    "wrong noise": ([(DRAW, "torch.randn(horizon, 1, action_size).expand(-1, population, -1)")],
                    r"shape \[3, 1, 2\]: each of 60 candidates needs 3 · 2 numbers"),
    "model not called": ([("dynamics, action_repeat", "lambda x, u: x + 0.0 * x, action_repeat")], "never calls the model"),
    "wrong batch": ([("state = model(state, action)",
                      "state = torch.cat([model(x, u) for x, u in zip(state.split(30), action.split(30))])")], "all 60 candidates"),
    "wrong steps": ([("for action in actions:", "for action in actions[1:]:")], "10 model steps, not 3 · 5"),
    "other steps": ([("for _ in range(iterations)", "for step in range(iterations)"),
                     ("action_repeat=5)", "action_repeat=5 - step)")], r"\[15, 12, 9\] model steps"),
    "action not held": ([("states.append(state)", "states.append(state); action = 0.9 * action")], "while it should be held"),
    "other std": ([(STD, STD + " * 1.2")], "Up to iteration 1 .* In iteration 2 the std is 1.200 times the reference's"),
    "other mean": ([(MEAN, MEAN + " * 0.5")], "In iteration 2 the mean differs by up to 0"),
    "other mean and other std": ([("reward_model(states, goal).sum", "reward_model(states[10:], goal).sum")],
                                 "after [1-9] of 10 elites that are others"),
    "other states": ([("states.append(state)", "states.append(state); state = state * 1.01")], "In iteration 1 the states"),
    "other answer": ([(ANSWER, ANSWER + " * 0.9")], r"answer is not: it is \["),
}  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "sentence"), [(name, *rest) for name, rest in WRONG.items()], ids=WRONG.keys())
def test_a_wrong_planner_is_told_what_is_wrong(name: str, changes: list[tuple[str, str]], sentence: str) -> None:
    found = check(student(*changes))
    assert not found.ok
    assert found.mistakes == (name.strip(),), found
    assert re.search(sentence, found.report), found


def test_noise_of_a_wrong_shape_is_named_before_what_it_leads_to() -> None:
    assert check(student((DRAW, "torch.randn(horizon, population)"))).mistakes == ("wrong noise", "raises")


def test_several_mistakes_at_once_are_told_apart() -> None:
    found = check(student((CLAMP, "pass"), ("unbiased=False, ", ""), ("action_repeat=5", "action_repeat=1")))
    assert found.mistakes == ("action repeat ignored", "unbiased std", "bounds not clipped")
    assert repr(found).startswith("The planner differs from the reference:\n  - Each action is held for 1 model step, not for 5.\n")


def test_other_problems_than_the_notebooks_are_planned_on() -> None:
    def cart(state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return torch.stack([state[:, 0] + 0.1 * state[:, 1], state[:, 1] + 0.1 * action[:, 0]], -1)

    def planner(model: Any, state: Any, target: Any, action_high: float, horizon: int, elites: int, unbiased: bool = False) -> Any:
        mean, std = torch.zeros(horizon, 1, 1), torch.ones(horizon, 1, 1)
        for _ in range(3):
            actions = (mean + std * torch.randn(horizon, 40, 1)).clamp(-action_high, action_high)
            at, total = state.expand(40, 2), torch.zeros(40)
            for action in actions:
                at = model(at, action)
                total = total - (at[:, 0] - target).abs() - 0.1 * action[:, 0].square()
            best = actions[:, total.topk(elites).indices]
            mean, std = best.mean(1, keepdim=True), best.std(1, unbiased=unbiased, keepdim=True)
        return mean[0, 0]

    def reward(next_state: torch.Tensor, action: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return -(next_state[:, 0] - target).abs() - 0.1 * action[:, 0].square()

    settings: dict[str, Any] = {
        "state": [0.0, 0.0], "action_size": 1, "action_low": -0.5, "action_high": 0.5, "horizon": 8, "action_repeat": 1,
        "population": 40, "selection": 6, "iterations": 3, "target": 0.7,
    }  # fmt: skip
    assert mf.check_planner(planner, cart, reward, **settings).ok
    wrong = mf.check_planner(lambda model, state, target, action_high, horizon, elites: planner(
        model, state, target, action_high, horizon, elites, unbiased=True), cart, reward, **settings)  # fmt: skip
    assert wrong.mistakes == ("unbiased std",)


def test_a_whole_ranking_is_no_number_of_elites() -> None:
    ranked = ("returns.topk(selection, largest=True, sorted=False)", "[x[:selection] for x in returns.topk(population)]")
    assert check(student(ranked), state=torch.zeros(6)).ok
    assert check(student(ranked, ("unbiased=False, ", ""))).mistakes == ("unbiased std",)


def test_an_argument_that_nobody_knows_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^the planner's argument 'depth' must be one of model, dynamics, .*, or have a default$"):
        mf.check_planner(lambda state, depth: state)


def test_the_exercise_without_mistakes_is_the_reference_twin() -> None:
    torch.manual_seed(1)
    model = DynamicsModel()
    state, goal = torch.tensor([0.0, 0.1, 0.0, 0.0, 1.0, 0.0]), torch.tensor([0.1, 0.14, 0.0, 0.0, 0.0, 1.0])
    low, high = torch.full((2,), -1.0), torch.full((2,), 1.0)
    exercise = Exercise(model, reward_model, state, {"goal": goal}, low, high, 5, 5, 100, 10, 5, seed=3)
    twin = reference.CEM([model], GoalDistance(), low, high, noise=mf.noise, seed=3)
    for plan in range(2):
        ours, theirs = solve(exercise, Switches(5, 5, 10), plan), twin.plan(state, goal=goal)
        torch.testing.assert_close(ours.answer, theirs.action, rtol=0, atol=1e-5)
        assert [set(a.tolist()) for a in ours.elites] == [set(b.tolist()) for b in theirs.elites]


def test_where_a_model_diverges_both_may() -> None:
    lost = torch.tensor([1.0, float("nan"), float("inf")])
    assert same(lost.clone(), lost)
    assert not same(torch.tensor([1.0, 2.0, float("inf")]), lost)
    assert not same(torch.tensor([1.1, float("nan"), float("inf")]), lost)
    assert same(torch.full((3,), float("nan")), torch.full((3,), float("nan")))
