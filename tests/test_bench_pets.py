"""The benches of PETS run to their results; what they compare is checked."""

from __future__ import annotations

import importlib.util
import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from bench import pets_cartpole, pets_cartpole_plan, pets_homework, pets_plan
from bench.contenders import pets_lean, pets_mbrl
from bench.pets_problem import PETSProblem, pendulum

from mbrl_fast.data import Transitions

MBRL = all(importlib.util.find_spec(package) for package in ("mbrl", "hydra", "omegaconf"))


@pytest.fixture(scope="module")
def two_networks() -> PETSProblem:
    return pendulum(2, transitions=120, epochs=2, population=40)


def test_one_plan_of_every_contender() -> None:
    words = ["--rounds", "1", "--warm-up", "0", "--members", "2", "--threads", "1", "--population", "40", "--epochs", "2"]
    (found,) = pets_plan.main([*words, "--skip-compiled"])["problems"].values()
    names = [name.removesuffix(", 1 thread") for name in found["contenders"]]
    assert names == [
        "homework, MultivariateNormal", "lean PyTorch", "lean PyTorch, common noise", "lean PyTorch, rows last", "mbrl_fast",
    ]  # fmt: skip
    assert all(row["error"] <= pets_plan.TOLERANCE for row in found["contenders"].values())
    assert found["times ours"]["lean PyTorch"]["1 thread"] > 0.0
    assert all(0.0 < row["steps_left"] <= 1.0 for row in found["pruning"].values())
    json.dumps(found)


def test_a_plan_of_other_returns_is_not_timed(two_networks: PETSProblem) -> None:
    (honest, *_) = pets_lean.shooters(two_networks, compiled=False)
    assert pets_plan.check(two_networks, honest) <= pets_plan.TOLERANCE
    off = replace(honest, returns=lambda actions, noise: honest.returns(actions, noise) * 1.001)
    with pytest.raises(SystemExit, match="refusing to time a wrong answer"):
        pets_plan.check(two_networks, off)


def test_noise_that_is_not_the_cores_is_seen(two_networks: PETSProblem) -> None:
    (honest, *_) = pets_lean.shooters(two_networks, compiled=False)
    other = replace(honest, returns=lambda actions, noise: honest.returns(actions, torch.randn_like(noise)))
    with pytest.raises(SystemExit, match="refusing to time a wrong answer"):
        pets_plan.check(two_networks, other)


def test_the_homework_says_when_it_was_learnt_and_where_the_seconds_went() -> None:
    words = ["--seeds", "100", "--members", "1", "--trials", "2", "--max-steps", "12", "--epochs", "1", "--threads", "1"]
    found = pets_homework.main(words)["networks"]["1"]
    (row,) = found["seeds"]
    assert len(row["final_angles"]) == len(row["returns"]) == 2
    assert row["seconds"] >= row["seconds_plan"] + row["seconds_fit"] > 0.0
    assert row["learnt_at_trial"] is None
    assert found["learnt_within_3"] == 0
    assert found["settings"]["particles"] == 10
    json.dumps(found)


def test_the_final_angle_is_of_the_last_episodes_last_steps() -> None:
    angles = np.concatenate([np.full(150, 2.0), np.full(30, 3.0), np.tile([0.03, -0.05], 50)])
    states = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], 1).astype(np.float32)
    episodes = np.repeat([0, 1], [150, 130])
    nothing = np.zeros(len(states), bool)
    rewards = np.zeros(len(states), np.float32)
    data = Transitions(states, np.zeros((len(states), 1), np.float32), states, episodes, nothing, rewards, nothing)
    assert pets_homework.final_angle(data) == pytest.approx(0.04, abs=1e-6)


def test_learnt_within_three_counts_seeds() -> None:
    seconds = {f"seconds_{phase}": 1.0 for phase in pets_homework.PHASES}
    rows = [{"learnt_at_trial": trial, "seconds": float(i), **seconds} for i, trial in enumerate((1, 3, 4))]
    found = pets_homework.summary(rows)
    assert (found["learnt_within_3"], found["slowest_to_learn"], found["seconds_slowest"]) == (2, 4, 2.0)
    assert pets_homework.summary([*rows, {**rows[0], "learnt_at_trial": None}])["slowest_to_learn"] is None


@pytest.mark.filterwarnings("ignore")  # mbrl-lib's
def test_cart_pole_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    words = ["--tasks", "balance", "--seeds", "5", "--trials", "1", "--mbrl-trials", "1", "--max-steps", "5"]
    words += ["--population", "20", "--threads", "1", "--work", str(tmp_path)]
    first = pets_cartpole.main(words)["tasks"]["balance"]
    second = pets_cartpole.main(words)["tasks"]["balance"]
    assert second == first  # seconds, too: nothing was done twice
    (record,) = first["ours"]["seeds"]["5"]
    assert (record["return"], record["length"]) == (5.0, 5)
    assert (first["ours"]["solved"], first["ours"]["solved_at_trial"]) == (1, {"5": 1})
    assert ("mbrl-lib" in first) == MBRL
    assert ("absent" in first) != MBRL
    json.dumps(first)


def test_settings_of_the_cart_poles() -> None:
    options = pets_cartpole.parse([])
    balance, small, swing_up = (pets_cartpole.settings(name, 3, options) for name in pets_cartpole.TASKS)
    assert (small.task, small.trials, small.hidden_sizes) == (balance.task, balance.trials, (64, 64))
    assert (balance.planning_members, balance.particles, balance.seed, balance.trials) == (5, 20, 3, options.trials)
    assert swing_up.trials == options.swing_up_trials
    smaller = pets_cartpole.settings("balance", 3, pets_cartpole.parse(["--population", "55"]))
    assert (smaller.planner_settings["population"], smaller.planner_settings["elites"]) == (55, 6)


def test_the_clock_knows_trials_and_their_phases() -> None:
    clock = pets_mbrl.Clock(1)
    clock.saw(1.0)  # exploration
    agent = SimpleNamespace(reset=clock.before(lambda: "reset"), act=clock.around("plan", math.sqrt))
    assert agent.reset() == "reset"
    assert agent.act(4.0) == 2.0
    clock.saw(1.0)
    clock.saw(0.5)
    with pytest.raises(pets_mbrl.EnoughError):
        agent.reset()
    (record,) = clock.records
    assert (record["trial"], record["return"], record["length"]) == (1, 1.5, 2)
    assert record["seconds"] >= record["seconds_plan"] > 0.0 == record["seconds_fit"]


@pytest.mark.skipif(not MBRL, reason="mbrl is not installed")
@pytest.mark.filterwarnings("ignore")
def test_the_environment_is_mbrl_libs() -> None:
    from mbrl.env.cartpole_continuous import CartPoleEnv

    from mbrl_fast.tasks import CartPole

    theirs, ours = CartPoleEnv(), CartPole().make_env()
    theirs.reset(seed=0)
    ours.reset(seed=0)
    generator = np.random.default_rng(0)
    for _ in range(20):
        state = tuple(generator.uniform(-1.0, 1.0, 4) * [2.6, 2.0, 0.25, 2.0])
        action = generator.uniform(-1.0, 1.0, 1)
        theirs.state, ours.unwrapped.state = state, np.array(state)
        theirs.steps_beyond_terminated = ours.unwrapped.steps_beyond_terminated = None
        there, here = theirs.step(action), ours.step(action)
        np.testing.assert_allclose(here[0], there[0], rtol=1e-5, atol=1e-6)
        assert here[2] == there[2]


def test_one_plan_of_the_cart_pole_is_timed_in_turn() -> None:
    pytest.importorskip("mbrl")
    found = pets_cartpole_plan.main(["--threads", "1", "--rounds", "1", "--population", "40"])["threads"]["1"]
    assert found["ratio"] == pytest.approx(found["mbrl_lib_ms"] / found["ours_ms"])
    assert found["ours_ms"] > 0
