"""Problem: one step, rollouts, policy and observation equal PyTorch; new weights equal a fresh export."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported, cart, cart_ended, cart_reward, cart_value, export_lti, lti

Floats = NDArray[np.float32]


def random_batch(count: int, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """States [N, 6], actions [N, 2], goals [N, 6]."""
    generator = np.random.default_rng(seed)
    states, goals = generator.uniform(-1, 1, (2, count, 6)).astype(np.float32)
    return states, generator.uniform(-1, 0.5, (count, 2)).astype(np.float32), goals


def torch_step(exported: Exported, states: Floats, actions: Floats, goals: Floats) -> tuple[Any, Any]:
    """Next states and rewards in float64, the mean over the members."""
    s, a, g = (torch.from_numpy(value).double() for value in (states, actions, goals))
    with torch.no_grad():
        reached = [copy.deepcopy(member).double()(s, a) for member in exported.dynamics]
        rewards = [copy.deepcopy(exported.reward).double()(next_state, g) for next_state in reached]
    return torch.stack(reached).mean(0).numpy(), torch.stack(rewards).mean(0).numpy()


def assert_close(got: Any, expected: Any) -> None:
    """Within 1e-5 of the largest number expected."""
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * max(1.0, np.abs(expected).max()))


def test_sizes_and_bounds_are_the_exported_ones(small: Exported, ensemble: Exported, everything: mf.Problem) -> None:
    problem = small.problem
    assert (problem.state_size, problem.action_size, problem.members, problem.dt) == (6, 2, 1, 0.2)
    assert ensemble.problem.members == 3
    assert problem.action_low.tolist() == [-1, -1]
    assert problem.action_high.tolist() == [1, 0.5]
    assert problem.inputs == {"goal": (6,)}
    assert everything.inputs == {"goal": (1,), "wind": ("horizon", 1)}
    assert set(everything.graph["programs"]) == {"step", "terminal_value", "policy", "observe"}
    assert "state 6, action 2, dt 0.2 s, members 1, inputs: goal [6]; programs: step" in repr(problem)


def test_bounds_are_copies(small: Exported) -> None:
    small.problem.action_low[:] = 7
    assert small.problem.action_low.tolist() == [-1, -1]


@pytest.mark.parametrize("count", [1, 2, 17, 64, 65, 200])
def test_a_step_equals_torch(small: Exported, ensemble: Exported, count: int) -> None:
    states, actions, goals = random_batch(count)
    for exported in (small, ensemble):
        next_states, rewards = exported.problem.step(states, actions, goal=goals)
        expected_states, expected_rewards = torch_step(exported, states, actions, goals)
        assert next_states.shape == (count, 6)
        assert rewards.shape == (count,)
        assert_close(next_states, expected_states)
        assert_close(rewards, expected_rewards)


def test_one_goal_serves_the_whole_batch(small: Exported) -> None:
    states, actions, _ = random_batch(5)
    one = small.problem.step(states, actions, goal=GOAL)
    each = small.problem.step(states, actions, goal=np.stack([GOAL] * 5))
    np.testing.assert_array_equal(one[0], each[0])
    np.testing.assert_array_equal(one[1], each[1])


def test_a_member_can_be_asked_alone(ensemble: Exported) -> None:
    states, actions, goals = random_batch(9)
    for index, member in enumerate(ensemble.dynamics):
        next_states, _ = ensemble.problem.step(states, actions, member=index, goal=goals)
        alone = Exported(ensemble.problem, [member], ensemble.reward)
        assert_close(next_states, torch_step(alone, states, actions, goals)[0])
    with pytest.raises(ValueError, match=r"^member must be in 0..2, got 3$"):
        ensemble.problem.step(states, actions, member=3, goal=goals)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 70), horizon=st.integers(1, 4), steps_per_knot=st.integers(1, 3), seed=st.integers(0, 100))
def test_a_rollout_is_the_sum_of_its_steps(small: Exported, count: int, horizon: int, steps_per_knot: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    actions = generator.uniform(-1, 0.5, (count, horizon, 2)).astype(np.float32)
    problem = small.problem
    returns, states = problem.rollout(STATE, actions, steps_per_knot=steps_per_knot, discount=0.9, return_states=True, goal=GOAL)
    assert states.shape == (count, horizon * steps_per_knot + 1, 6)
    state, total = np.broadcast_to(STATE, (count, 6)), np.zeros(count)
    for t in range(horizon * steps_per_knot):
        np.testing.assert_array_equal(states[:, t], state)
        state, rewards = problem.step(state, actions[:, t // steps_per_knot], goal=GOAL)
        total += 0.9**t * rewards
    np.testing.assert_array_equal(states[:, -1], state)
    assert_close(returns, total)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 40), steps=st.integers(1, 12), seed=st.integers(0, 1000))
def test_a_rollout_with_everything_equals_torch(everything: mf.Problem, count: int, steps: int, seed: int) -> None:
    """Start states, previous action, time, per-step inputs, termination, terminal value and discount, by hand."""
    generator = np.random.default_rng(seed)
    starts = generator.uniform(-0.9, 0.9, (count, 2)).astype(np.float32) * np.array([1, 4], np.float32)
    actions = generator.uniform(-1, 1, (count, steps, 1)).astype(np.float32)
    wind = generator.uniform(-1, 1, (steps, 1)).astype(np.float32)
    got = everything.rollout(starts, actions, discount=0.95, previous_action=[0.3], goal=[0.2], wind=wind)
    state, previous = torch.from_numpy(starts).double(), torch.full((count, 1), 0.3, dtype=torch.float64)
    total, alive, close_to_end = (
        torch.zeros(count).double(),
        torch.ones(count, dtype=torch.bool),
        torch.zeros(count, dtype=torch.bool),
    )
    for t in range(steps):
        action = torch.from_numpy(actions[:, t]).double()
        reached = cart(state, action)
        reward = cart_reward(
            reached, action, previous, torch.full((count,), t * 0.1).double(), torch.tensor([0.2]).double(),
            torch.from_numpy(wind[t]).double().expand(count, 1),
        )  # fmt: skip
        total = torch.where(alive, total + 0.95**t * reward, total)
        close_to_end |= (reached[:, 0].abs() - 1).abs() < 1e-5
        alive &= ~cart_ended(reached)
        state, previous = reached, action
    total = torch.where(alive, total + 0.95**steps * cart_value(state), total)
    sure = ~close_to_end.numpy()
    if sure.any():
        assert_close(got[sure], total.numpy()[sure])


def test_an_ensembles_return_is_the_mean_over_members(ensemble: Exported) -> None:
    _, actions, _ = random_batch(12)
    sequences = np.stack([actions, actions[::-1]], axis=1)
    returns, states = ensemble.problem.rollout(STATE, sequences, return_states=True, goal=GOAL)
    singles = [export_lti([seed]).problem.rollout(STATE, sequences, return_states=True, goal=GOAL) for seed in (0, 1, 2)]
    assert_close(returns, np.mean([single[0] for single in singles], axis=0))
    assert_close(states, np.mean([single[1] for single in singles], axis=0))


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_do_not_change_a_rollouts_bits(ensemble: Exported, threads: int) -> None:
    sequences = np.random.default_rng(0).uniform(-1, 0.5, (67, 3, 2)).astype(np.float32)
    one = ensemble.problem.rollout(STATE, sequences, return_states=True, goal=GOAL)
    many = ensemble.problem.rollout(STATE, sequences, return_states=True, goal=GOAL, threads=threads)
    np.testing.assert_array_equal(one[0], many[0])
    np.testing.assert_array_equal(one[1], many[1])


def test_the_policy_is_clipped_to_the_bounds(everything: mf.Problem) -> None:
    states = np.array([[0.1, 0], [-0.2, 3], [0.9, 0], [-5, 0]], np.float32)
    np.testing.assert_allclose(everything.act(states), [[-0.4], [0.8], [-1], [1]], rtol=1e-6)


def test_observations_become_states(everything: mf.Problem) -> None:
    observations = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_allclose(everything.observe(observations), observations[:, [0, 2]] / [10, 1], rtol=1e-6)


def test_what_a_problem_lacks_is_named(small: Exported) -> None:
    with pytest.raises(ValueError, match=r"^this problem has no policy: export it with one$"):
        small.problem.act(STATE[None])
    with pytest.raises(ValueError, match=r"^this problem has no observe: export it with one$"):
        small.problem.observe(STATE[None])


def test_without_a_reward_a_steps_rewards_are_nan(small: Exported) -> None:
    problem = mf.export(small.dynamics[0], state_size=6, action_size=2, action_low=-1, action_high=1, dt=0.2)
    next_states, rewards = problem.step(STATE[None], np.zeros((1, 2), np.float32))
    assert np.isfinite(next_states).all()
    assert np.isnan(rewards).all()


def test_a_rollout_refuses_what_does_not_fit(small: Exported) -> None:
    roll, actions = small.problem.rollout, np.zeros((3, 4, 2), np.float32)
    with pytest.raises(ValueError, match=r"^actions must have shape \[any, any, 2\], got \[3, 4, 3\]$"):
        roll(STATE, np.zeros((3, 4, 3), np.float32), goal=GOAL)
    with pytest.raises(ValueError, match=r"^actions must have shape \[any, any, 2\], got \[4, 2\]$"):
        roll(STATE, actions[0], goal=GOAL)
    with pytest.raises(ValueError, match=r"^actions must hold at least one candidate and one step, got shape \[0, 4, 2\]$"):
        roll(STATE, actions[:0], goal=GOAL)
    with pytest.raises(ValueError, match=r"^state must have shape \[3, 6\], got \[2, 6\]$"):
        roll(np.stack([STATE] * 2), actions, goal=GOAL)
    with pytest.raises(ValueError, match=r"^state must be finite, got state\[0, 3\] = nan$"):
        roll(np.where(np.eye(3, 6, 3) == 1, np.nan, STATE), actions, goal=GOAL)
    with pytest.raises(ValueError, match=r"^actions must be finite, got actions\[0, 1, 0\] = inf$"):
        roll(STATE, [[[0.0, 0.0], [np.inf, 0.0]]], goal=GOAL)
    with pytest.raises(ValueError, match=r"^discount must be in \(0, 1\], got 0$"):
        roll(STATE, actions, goal=GOAL, discount=0)
    with pytest.raises(ValueError, match=r"^steps_per_knot must be >= 1, got 0$"):
        roll(STATE, actions, goal=GOAL, steps_per_knot=0)
    with pytest.raises(ValueError, match=r"^threads must be in 1..1024, got 0$"):
        roll(STATE, actions, goal=GOAL, threads=0)
    with pytest.raises(ValueError, match=r"^unknown input 'gaol', this problem has: goal$"):
        roll(STATE, actions, goal=GOAL, gaol=GOAL)
    with pytest.raises(TypeError, match=r"^actions must be float32 or float64, got dtype int64$"):
        roll(STATE, np.zeros((3, 4, 2), np.int64), goal=GOAL)


def test_a_step_refuses_what_does_not_fit(small: Exported) -> None:
    states, actions, goals = random_batch(3)
    with pytest.raises(ValueError, match=r"state must have 6 numbers or shape \[N, 6\], got shape \[3, 5\]"):
        small.problem.step(states[:, :5], actions, goal=goals)
    with pytest.raises(ValueError, match=r"action must have 3 rows, got 2"):
        small.problem.step(states, actions[:2], goal=goals)
    with pytest.raises(TypeError, match="state must be float32 or float64, got dtype int64"):
        small.problem.step(states.astype(np.int64), actions, goal=goals)
    with pytest.raises(ValueError, match="program step needs goal of 6 numbers"):
        small.problem.step(states, actions)


def test_per_step_inputs_have_one_value_for_every_model_step(everything: mf.Problem) -> None:
    actions = np.zeros((2, 3, 1), np.float32)
    with pytest.raises(ValueError, match=r"^wind must have shape \[6, 1\], got \[3, 1\]$"):
        everything.rollout([0.0, 0.0], actions, steps_per_knot=2, goal=[0.0], wind=np.zeros((3, 1)))


def test_new_weights_give_the_bits_of_a_fresh_export() -> None:
    problem, fresh = export_lti([0]).problem, export_lti([7]).problem
    planner = mf.CEM(problem, horizon=3, seed=1)
    planner.plan(STATE, goal=GOAL)
    problem.update(dynamics=lti(7))
    assert problem.bytes == fresh.bytes
    planner.reset()
    expected = mf.CEM(fresh, horizon=3, seed=1).plan(STATE, goal=GOAL)
    np.testing.assert_array_equal(planner.plan(STATE, goal=GOAL).actions, expected.actions)
    assert problem.verify() == fresh.verify()


def test_an_ensemble_takes_new_weights() -> None:
    problem, fresh = export_lti([0, 1]).problem, export_lti([5, 6]).problem
    problem.update(dynamics=[lti(5), lti(6)])
    assert problem.bytes == fresh.bytes
    with pytest.raises(ValueError, match="update keeps the number of members, 2, got 3"):
        problem.update(dynamics=[lti(0), lti(1), lti(2)])


def test_another_graph_is_no_update(small: Exported) -> None:
    problem = export_lti([0]).problem
    before = problem.bytes
    with pytest.raises(ValueError, match="same graph"):
        problem.update(dynamics=mf.models.LTI(6, 2, hidden_size=24))
    assert problem.bytes == before
    with pytest.raises(ValueError, match="update needs a problem made by export in this process"):
        mf.Problem(problem.bytes).update(dynamics=lti(1))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda problem: pickle.loads(pickle.dumps(problem))])
def test_a_copy_is_the_same_problem(small: Exported, copied: Any) -> None:
    other = copied(small.problem)
    assert other.bytes == small.problem.bytes
    states, actions, goals = random_batch(3)
    np.testing.assert_array_equal(other.step(states, actions, goal=goals)[0], small.problem.step(states, actions, goal=goals)[0])


def test_test_vectors_agree(small: Exported, ensemble: Exported, everything: mf.Problem) -> None:
    assert set(small.problem.verify()) == {"step/next_state", "step/reward"}
    assert max(ensemble.problem.verify().values()) < 1e-5
    assert {key.split("/")[0] for key in everything.verify()} == {"step", "terminal_value", "policy", "observe"}


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [
        (1, -1, "action_low must be < action_high, got 1 and -1"),
        ([-1, 0.5], [1, 0.5], r"action_low must be < action_high, got \[-1, 0.5\] and \[1, 0.5\]"),
        (-1, np.inf, "action_high must be a finite number or 2 of them, got inf"),
        (np.nan, 1, "action_low must be a finite number or 2 of them, got nan"),
        ([-1, -1, -1], 1, "action_low must be a finite number or 2 of them"),
    ],
)
def test_bounds_must_be_finite_and_in_order(small: Exported, low: Any, high: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        mf.export(small.dynamics[0], state_size=6, action_size=2, action_low=low, action_high=high, dt=0.2)


@pytest.mark.parametrize("dt", [0.0, -0.1, np.nan, np.inf])
def test_the_time_step_must_be_positive(small: Exported, dt: float) -> None:
    with pytest.raises(ValueError, match="dt must be a positive number of seconds"):
        mf.export(small.dynamics[0], state_size=6, action_size=2, action_low=-1, action_high=1, dt=dt)
