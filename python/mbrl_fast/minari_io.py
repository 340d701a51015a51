"""Transitions as Minari datasets, the format in which others keep and share such data; and theirs as Transitions.

Where datasets lie is Minari's choice: `~/.minari/datasets`, or the folder named in MINARI_DATASETS_PATH.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.transitions import Transitions, concatenate

if TYPE_CHECKING:
    from minari import MinariDataset

_CRASHED = "crashed"


def to_minari(data: Transitions, name: str, task: Any, **about: Any) -> MinariDataset:
    """Write transitions as a new Minari dataset.

    Its observations are the task's states [S]; run-time inputs, such as a goal, are not in transitions. Each unbroken run of steps
    is an episode; one that does not end with a termination is marked as truncated. Crashes are in the infos, as "crashed".

    Args:
        data: with rewards.
        name: such as "pendulum/pets-v0": environment, dataset, version.
        task: gives sizes and bounds.
        about: what else `minari.create_dataset_from_buffers` takes: description, author, author_email, code_permalink, …

    Raises:
        ValueError: for rewards that are not known, no data, or a dataset that there is already.
        ImportError: without the package.
    """
    minari, gymnasium = _minari()
    if len(data) == 0:
        raise ValueError("a Minari dataset needs at least one transition, got none")
    if np.isnan(data.rewards).any():
        row = int(np.flatnonzero(np.isnan(data.rewards))[0])
        raise ValueError(f"a Minari dataset needs rewards, and that of row {row} is not known")
    if name in minari.list_local_datasets():
        raise ValueError(f"there is a Minari dataset {name} already: choose another name or version")
    action_low, action_high = np.asarray(task.action_low, np.float32), np.asarray(task.action_high, np.float32)
    with warnings.catch_warnings():
        for left_out in ("`.*` is set to None", "env_spec is None"):  # an author; an environment, whose observations may be others
            warnings.filterwarnings("ignore", message=left_out)
        dataset: MinariDataset = minari.create_dataset_from_buffers(
            name,
            [_buffer(data[rows], number) for number, rows in enumerate(unbroken(data))],
            observation_space=gymnasium.spaces.Box(-np.inf, np.inf, (task.state_size,), np.float32),
            action_space=gymnasium.spaces.Box(action_low, action_high, dtype=np.float32),
            **{"description": f"{len(data)} transitions of the task {task.name}, by mbrl_fast", **about},
        )
    return dataset


def from_minari(dataset: str | MinariDataset, task: Any = None) -> Transitions:
    """Read a Minari dataset as transitions.

    Args:
        dataset: its name, or the dataset. It must be on this machine: nothing is downloaded.
        task: reads the observations (`task.observe`, of a batch); None takes flat observations as states.

    Raises:
        ValueError: for a dataset that there is not, observations or actions that are no vectors, or other sizes than the task's.
        ImportError: without the package.
    """
    minari, _ = _minari()
    if isinstance(dataset, str):
        known = minari.list_local_datasets()
        if dataset not in known:
            raise ValueError(f"there is no Minari dataset {dataset} on this machine; there are: {', '.join(known) or 'none'}")
        dataset = minari.load_dataset(dataset)
    return concatenate([_transitions(episode, task) for episode in dataset.iterate_episodes()])


def unbroken(data: Transitions) -> list[slice]:
    """The longest runs of steps that follow one another, in order: rows that are left out break an episode."""
    follows = (data.episodes[1:] == data.episodes[:-1]) & (data.next_states[:-1] == data.states[1:]).all(1) & ~data.terminated[:-1]
    ends = [*(np.flatnonzero(~follows) + 1).tolist(), len(data)]
    return [slice(begin, end) for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


def _buffer(rows: Transitions, number: int) -> Any:
    """One episode as Minari takes it: T + 1 observations, T of everything else."""
    from minari.data_collector.episode_buffer import EpisodeBuffer

    truncated = np.zeros(len(rows), np.bool_)
    truncated[-1] = not rows.terminated[-1]
    return EpisodeBuffer(
        id=number,
        observations=np.concatenate([rows.states, rows.next_states[-1:]]),
        actions=rows.actions,
        rewards=rows.rewards,
        terminations=rows.terminated,
        truncations=truncated,
        infos={_CRASHED: np.concatenate([[False], rows.crashed])},  # infos begin with the reset's
    )


def _transitions(episode: Any, task: Any) -> Transitions:
    """One of Minari's episodes as transitions."""
    observed = task.observe(episode.observations)[0] if task is not None else episode.observations
    if isinstance(observed, dict | tuple):
        raise ValueError("the dataset's observations are no vectors: give a task, whose observe reads them")
    states, actions = (_vectors(values, name) for values, name in ((observed, "observations"), (episode.actions, "actions")))
    if task is not None and (states.shape[1], actions.shape[1]) != (task.state_size, task.action_size):
        raise ValueError(
            f"the dataset has states and actions of {(states.shape[1], actions.shape[1])} numbers, "
            f"the task {task.name} has {(task.state_size, task.action_size)}"
        )
    count = len(actions)
    crashed = np.asarray((episode.infos or {}).get(_CRASHED, np.zeros(count, np.bool_)), np.bool_)[-count:]
    return Transitions(
        states=states[:-1],
        actions=actions,
        next_states=states[1:],
        episodes=np.zeros(count, np.int64),
        crashed=crashed,
        rewards=np.asarray(episode.rewards, np.float32),
        terminated=np.asarray(episode.terminations, np.bool_),
    )


def _vectors(values: Any, name: str) -> NDArray[np.float32]:
    array = np.asarray(values)
    if array.ndim != 2 or array.dtype.kind != "f":
        raise ValueError(f"{name} must be vectors of floats, [steps, size], got shape {array.shape} of {array.dtype}")
    return array.astype(np.float32)


def _minari() -> tuple[Any, Any]:
    try:
        import gymnasium
        import minari
    except ImportError as error:
        raise ImportError(f'Minari datasets need {error.name}: pip install "mbrl-fast[data]"') from None
    return minari, gymnasium
