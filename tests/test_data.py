"""Transitions: gathering, splitting, keeping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbrl_fast.data import Transitions, collect, collect_with, concatenate
from mbrl_fast.tasks import Parking, Pendulum

NAMES = ("states", "actions", "next_states", "episodes", "crashed", "rewards", "terminated")


def walk(lengths: list[int], crash_last: bool = False) -> Transitions:
    """Episodes of the given lengths, whose states count up by one a step."""
    episodes = np.repeat(np.arange(len(lengths)), lengths)
    step = np.concatenate([np.arange(n) for n in lengths]).astype(np.float32)[:, None]
    last = np.concatenate([np.arange(n) == n - 1 for n in lengths])
    start = 1000.0 * episodes[:, None].astype(np.float32)
    return Transitions(start + step, 0 * step, start + step + 1, episodes.astype(np.int64), last & crash_last)


@pytest.fixture(scope="module")
def gathered() -> Transitions:
    return collect(Parking(), transitions=61, seed=4, progress=False)


def test_collect_gives_exactly_the_steps_asked_for(gathered: Transitions) -> None:
    assert len(gathered) == 61
    assert gathered.states.shape == (61, 6)
    assert gathered.actions.shape == (61, 2)
    assert gathered.states.dtype == gathered.actions.dtype == gathered.next_states.dtype == np.float32


def test_the_seed_determines_the_data_whole(gathered: Transitions) -> None:
    again, other = (collect(Parking(), transitions=61, seed=seed, progress=False) for seed in (4, 5))
    for name in NAMES:
        np.testing.assert_array_equal(getattr(again, name), getattr(gathered, name))
    assert not np.array_equal(other.actions, gathered.actions)


def test_each_action_is_held_for_action_repeat_steps(gathered: Transitions) -> None:
    np.testing.assert_array_equal(gathered.actions[0:60:2], gathered.actions[1:60:2])
    assert (gathered.actions[2:60:2] != gathered.actions[0:58:2]).any(1).all()


def test_steps_of_an_episode_follow_one_another_and_crashes_end_episodes(gathered: Transitions) -> None:
    same = gathered.episodes[1:] == gathered.episodes[:-1]
    np.testing.assert_array_equal(gathered.next_states[:-1][same], gathered.states[1:][same])
    ended = np.flatnonzero(gathered.crashed[:-1])
    assert (gathered.episodes[ended + 1] == gathered.episodes[ended] + 1).all()


def test_short_episodes_are_what_they_are_asked_to_be() -> None:
    data = collect(Pendulum(), transitions=50, seed=4, progress=False, max_steps=20)
    assert np.bincount(data.episodes).tolist() == [20, 20, 10]


@pytest.mark.parametrize("option", ["transitions", "action_repeat", "max_steps"])
def test_collect_refuses_counts_below_one(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be at least 1, got {option}=0"):
        collect(Parking(), **{option: 0})  # type: ignore[arg-type]


def test_clean_leaves_out_the_steps_that_crashed() -> None:
    data = walk([3, 4], crash_last=True)
    assert len(data.clean()) == 5
    assert not data.clean().crashed.any()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.floats(0.01, 0.99), st.integers(0, 9))
def test_split_shares_no_episode_and_loses_no_step(lengths: list[int], fraction: float, seed: int) -> None:
    data = walk(lengths)
    training, validation = data.split(fraction, seed)
    assert len(training) > 0
    assert len(validation) > 0
    assert len(training) + len(validation) == len(data)
    assert not set(training.episodes) & set(validation.episodes)


def test_split_needs_two_episodes_and_a_fraction() -> None:
    with pytest.raises(ValueError, match="at least 2 episodes, got 1"):
        walk([5]).split()
    with pytest.raises(ValueError, match=r"fraction must be between 0 and 1, got fraction=1\.0"):
        walk([5, 5]).split(1.0)


def test_split_by_steps_needs_one_episode_and_loses_no_step() -> None:
    data = walk([20])
    training, validation = data.split(0.25, seed=1, by="step")
    assert (len(training), len(validation)) == (15, 5)
    assert sorted([*training.states[:, 0], *validation.states[:, 0]]) == data.states[:, 0].tolist()
    assert validation.states[:, 0].tolist() != data.states[-5:, 0].tolist()  # at random, not the last
    with pytest.raises(ValueError, match="splitting by step needs at least 2 steps, got 1"):
        walk([1]).split(by="step")
    with pytest.raises(ValueError, match='by must be "episode" or "step", got by=\'row\''):
        data.split(by="row")


def test_windows_are_runs_within_one_episode() -> None:
    data = walk([4, 2, 5])
    assert data.windows(3).tolist() == [0, 1, 6, 7, 8]
    assert data.windows(5).tolist() == [6]
    assert data.windows(12).tolist() == []
    assert data[np.array([0, 2, 3])].windows(2).tolist() == [1]  # row 1 is missing


def test_concatenate_keeps_episodes_apart() -> None:
    joined = concatenate([walk([2, 3]), walk([4])])
    assert joined.episodes.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert concatenate([walk([1])] * 70).episodes.tolist() == list(range(70))
    with pytest.raises(ValueError, match="at least one part"):
        concatenate([])


def test_saved_data_load_as_they_were(tmp_path: Path, gathered: Transitions) -> None:
    gathered.save(tmp_path / "data.npz")
    loaded = Transitions.load(tmp_path / "data.npz")
    for name in NAMES:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(gathered, name))
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.npz"
    walk([3]).save(path)

    def fail(file: Any, **columns: Any) -> None:
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        walk([4]).save(path)
    assert len(Transitions.load(path)) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["data.npz"]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_truncated_or_altered_file_is_refused_or_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "data.npz"
    whole = walk([5, 6])
    whole.save(path)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:at]
    else:
        content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        loaded = Transitions.load(path)
    except ValueError as error:
        sentence = str(error)
    else:
        np.testing.assert_array_equal(loaded.states, whole.states)
        return
    assert "data.npz" in sentence


def test_loading_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="the file does not exist"):
        Transitions.load(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", states=np.zeros((2, 6), np.float32))
    with pytest.raises(ValueError, match=r"other\.npz holds no transitions: actions"):
        Transitions.load(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ValueError, match=r"text\.npz is damaged or not a file of transitions"):
        Transitions.load(tmp_path / "text.npz")
    columns = {name: getattr(walk([3]), name) for name in NAMES}
    np.savez(tmp_path / "wide.npz", **{**columns, "states": columns["states"].astype(np.float64)})
    with pytest.raises(ValueError, match=r"wide\.npz: states must be float32, got float64"):
        Transitions.load(tmp_path / "wide.npz")


def test_a_file_without_rewards_loads_with_none_known_and_one_that_lacks_anything_else_is_refused(tmp_path: Path) -> None:
    columns = {name: getattr(walk([3]), name) for name in NAMES}
    older = {name: column for name, column in columns.items() if name not in ("rewards", "terminated")}
    np.savez(tmp_path / "older.npz", **older)
    loaded = Transitions.load(tmp_path / "older.npz")
    assert np.isnan(loaded.rewards).all()
    assert loaded.rewards.dtype == np.float32
    assert not loaded.terminated.any()
    np.savez(tmp_path / "half.npz", **older, rewards=columns["rewards"])
    with pytest.raises(ValueError, match=r"half\.npz holds no transitions: terminated"):
        Transitions.load(tmp_path / "half.npz")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["states", "actions", "next_states"])
def test_numbers_that_are_not_finite_are_refused_by_their_place(name: str, bad: float) -> None:
    columns = {key: getattr(walk([3]), key).copy() for key in NAMES}
    columns[name][2, 0] = bad
    with pytest.raises(ValueError, match=f"{name} must be finite, got {bad} at row 2, column 0"):
        Transitions(**columns)


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    data = walk([3])
    with pytest.raises(ValueError, match=r"actions must have shape \[3, size\], got shape \(2, 1\)"):
        Transitions(data.states, data.actions[:2], data.next_states, data.episodes, data.crashed)
    with pytest.raises(ValueError, match=r"episodes must have shape \(3,\), got shape \(2,\)"):
        Transitions(data.states, data.actions, data.next_states, data.episodes[:2], data.crashed)


def test_rewards_may_be_unknown_but_not_infinite() -> None:
    data = walk([3])
    rewards = np.array([1.0, np.nan, -np.inf], np.float32)
    given = (data.states, data.actions, data.next_states, data.episodes, data.crashed)
    assert np.isnan(Transitions(*given, rewards=rewards[[0, 1, 0]]).rewards).tolist() == [False, True, False]
    with pytest.raises(ValueError, match="rewards must be finite, or NaN where unknown, got -inf at row 2"):
        Transitions(*given, rewards=rewards)
    with pytest.raises(ValueError, match=r"terminated must have shape \(3,\), got shape \(2,\)"):
        Transitions(*given, terminated=np.zeros(2, np.bool_))


class Staircase:
    """An environment: up a stair a step, a reward of how high, the end at the fourth, or after `limit` steps for lack of time."""

    action_low, action_high = np.zeros(1, np.float32), np.ones(1, np.float32)

    def __init__(self, limit: int) -> None:
        self.limit, self.at, self.steps = limit, 0, 0

    def make_env(self, render_mode: str | None = None, stop_at_success: bool = False) -> Staircase:
        return self

    def observe(self, observation: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        return np.array([observation], np.float32), {}

    def reset(self, seed: int) -> tuple[int, dict[str, Any]]:
        self.at = self.steps = 0
        return 0, {}

    def step(self, action: np.ndarray) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self.at, self.steps = self.at + 1, self.steps + 1
        return self.at, 0.5 * self.at, self.at == 4, self.steps == self.limit, {}

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("limit", "ends"), [(9, [False, False, False, True] * 2), (3, [False] * 8)])
def test_collect_keeps_the_rewards_and_tells_the_end_from_running_out_of_time(limit: int, ends: list[bool]) -> None:
    data = collect(Staircase(limit), transitions=8, progress=False)
    np.testing.assert_array_equal(data.rewards, 0.5 * data.next_states[:, 0])
    assert data.terminated.tolist() == ends
    assert data[:3].rewards.tolist() == [0.5, 1.0, 1.5]
    assert concatenate([data, data]).rewards.tolist() == data.rewards.tolist() * 2


class Still:
    """Keeps the brake on, and counts its episodes."""

    def __init__(self) -> None:
        self.resets = 0

    def act(self, observation: Any) -> np.ndarray:
        return np.zeros(2, np.float32)

    def reset(self) -> None:
        self.resets += 1


def test_collect_with_drives_the_agent_and_begins_anew_after_max_steps() -> None:
    agent = Still()
    data = collect_with(agent, Parking(), 25, seed=3, exploration=0.0, max_steps=10, progress=False)
    assert len(data) == 25
    assert (data.actions == 0.0).all()
    assert np.bincount(data.episodes).tolist() == [10, 10, 5]
    assert agent.resets == 3
    starts = data.states[[0, 10, 20], 4:]
    assert len(np.unique(starts, axis=0)) == 3  # each episode has its own start


def test_exploration_is_noise_around_what_the_agent_wants_within_the_bounds() -> None:
    noisy = collect_with(Still(), Parking(), 200, seed=3, exploration=0.8, max_steps=20, progress=False)
    assert np.abs(noisy.actions).max() == 1.0
    assert 0.4 < noisy.actions.std() < 0.8
    again = collect_with(Still(), Parking(), 200, seed=3, exploration=0.8, max_steps=20, progress=False)
    np.testing.assert_array_equal(again.actions, noisy.actions)
    np.testing.assert_array_equal(again.next_states, noisy.next_states)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"transitions": 0}, "transitions must be at least 1, got transitions=0"),
        ({"transitions": 5, "max_steps": 0}, "max_steps must be at least 1, got max_steps=0"),
        ({"transitions": 5, "exploration": -0.1}, "exploration must be finite and not negative, got exploration=-0.1"),
    ],
)
def test_collect_with_refuses_what_makes_no_sense(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        collect_with(Still(), Parking(), **options)
