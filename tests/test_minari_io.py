"""Transitions to Minari and back. Nothing here needs a network: datasets lie in a folder of the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mbrl_fast.data import collect
from mbrl_fast.minari_io import from_minari, to_minari, unbroken
from mbrl_fast.tasks import Pendulum
from mbrl_fast.transitions import TYPES, Transitions

minari = pytest.importorskip("minari")
pytest.importorskip("h5py")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))


def walk(lengths: list[int], terminated: bool = True) -> Transitions:
    """Episodes whose states count up; every second one ends with a termination, and its last step in a crash."""
    episodes = np.repeat(np.arange(len(lengths)), lengths).astype(np.int64)
    step = np.concatenate([np.arange(n) for n in lengths]).astype(np.float32)[:, None]
    start = 1000.0 * episodes[:, None].astype(np.float32)
    last = np.concatenate([np.arange(n) == n - 1 for n in lengths]) & (episodes % 2 == 1) & terminated
    states = np.concatenate([start + step, step, -step], axis=1)
    return Transitions(states, -0.1 * step, states + np.array([1, 1, -1], np.float32), episodes, last, step[:, 0], last)


def test_what_is_written_is_read_back_bit_for_bit() -> None:
    data = walk([4, 3, 5])
    to_minari(data, "pendulum/walk-v0", Pendulum())
    back = from_minari("pendulum/walk-v0", Pendulum())
    for name in TYPES:
        np.testing.assert_array_equal(getattr(back, name), getattr(data, name), err_msg=name)
        assert getattr(back, name).dtype == getattr(data, name).dtype


def test_real_episodes_survive_the_way_and_others_can_read_them() -> None:
    data = collect(Pendulum(), transitions=45, seed=3, progress=False, max_steps=20)
    dataset = to_minari(data, "pendulum/random-v0", Pendulum(), description="by chance")
    assert dataset.total_steps == 45
    assert dataset.total_episodes == 3
    lengths = [len(episode.observations) for episode in dataset.iterate_episodes()]
    assert lengths == [21, 21, 6]
    assert [bool(episode.truncations[-1]) for episode in dataset.iterate_episodes()] == [True, True, True]
    assert dataset.storage.metadata["description"] == "by chance"
    np.testing.assert_array_equal(from_minari(dataset).next_states, data.next_states)


def test_rows_that_are_missing_break_an_episode() -> None:
    data = walk([6, 3], terminated=False)
    holed = data[np.array([0, 1, 3, 4, 5, 6, 7, 8])]
    assert unbroken(holed) == [slice(0, 2), slice(2, 5), slice(5, 8)]
    back = from_minari(to_minari(holed, "walk-v0", Pendulum()))
    assert np.bincount(back.episodes).tolist() == [2, 3, 3]
    np.testing.assert_array_equal(back.next_states, holed.next_states)


def test_a_step_that_terminates_ends_an_episode_whatever_follows() -> None:
    data = walk([4])
    data.terminated[1] = True
    assert unbroken(data) == [slice(0, 2), slice(2, 4)]


def test_a_dataset_that_others_made_of_dictionaries_is_read_by_the_task() -> None:
    import gymnasium

    class Goals(Pendulum):
        """A task whose observation is a dict."""

        def observe(self, observation: Any) -> Any:
            return super().observe(observation["pose"])

    box = gymnasium.spaces.Box(-9, 9, (3,), np.float32)
    from minari.data_collector.episode_buffer import EpisodeBuffer

    buffer = EpisodeBuffer(
        observations={"pose": np.ones((3, 3), np.float32), "goal": np.zeros((3, 3), np.float32)},
        actions=np.zeros((2, 1), np.float32),
        rewards=[0.0, 1.0],
        terminations=[False, True],
        truncations=[False, False],
    )
    spaces = {"observation_space": gymnasium.spaces.Dict(pose=box, goal=box), "action_space": gymnasium.spaces.Box(-2, 2, (1,))}
    about = dict.fromkeys(("author", "author_email", "code_permalink", "algorithm_name", "description"), "theirs")
    with pytest.warns(UserWarning, match="is None|set to None"):
        minari.create_dataset_from_buffers("theirs-v0", [buffer], **spaces, **about)
    data = from_minari("theirs-v0", Goals())
    assert data.states.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert data.terminated.tolist() == [False, True]
    assert not data.crashed.any()
    with pytest.raises(ValueError, match="observations are no vectors: give a task"):
        from_minari("theirs-v0")


def test_what_cannot_be_written_or_read_gives_a_sentence() -> None:
    data = walk([4, 3])
    unknown = Transitions(data.states, data.actions, data.next_states, data.episodes, data.crashed)
    with pytest.raises(ValueError, match="needs rewards, and that of row 0 is not known"):
        to_minari(unknown, "pendulum/none-v0", Pendulum())
    with pytest.raises(ValueError, match="at least one transition, got none"):
        to_minari(data[:0], "pendulum/none-v0", Pendulum())
    with pytest.raises(ValueError, match="there is no Minari dataset pendulum/none-v0 on this machine; there are: none"):
        from_minari("pendulum/none-v0")
    to_minari(data, "pendulum/some-v0", Pendulum())
    with pytest.raises(ValueError, match="there is a Minari dataset pendulum/some-v0 already"):
        to_minari(data, "pendulum/some-v0", Pendulum())

    class Larger(Pendulum):
        """Of another size."""

        action_size = 2

    with pytest.raises(ValueError, match=r"has states and actions of \(3, 1\) numbers, the task pendulum has \(3, 2\)"):
        from_minari("pendulum/some-v0", Larger())
