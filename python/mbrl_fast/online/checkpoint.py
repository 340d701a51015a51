"""What was learnt until now, in one file, so that a killed run goes on from there: arrays and JSON in an .npz, nothing pickled.

```
checkpoint.npz
  json                   format, settings, trial, records, elites: one string
  transitions/<column>   all that was seen
  member/<i>/<name>      weights, normaliser and all else of the i-th network's state
  reward/<name>          likewise of a learnt reward and of a learnt value
  value/<name>
```
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.data import Transitions
from mbrl_fast.online.learnt import Learnt
from mbrl_fast.online.settings import PETSSettings
from mbrl_fast.transitions import TYPES

if TYPE_CHECKING:
    from mbrl_fast.online.fit import Models

FORMAT = 1
MAY_DIFFER = ("trials", "eval_every", "eval_episodes", "threads")
"""Settings of which no trial's course depends."""


def save(path: Path, settings: PETSSettings, learnt: Learnt) -> None:
    """Write the file beside its place and rename it into it: whatever happens, there is the last one or this one."""
    words = {
        "format": FORMAT,
        "settings": settings.to_dict(),
        "trial": learnt.trial,
        "records": learnt.records,
        "elites": learnt.models.elites if learnt.models else None,
    }
    arrays: dict[str, Any] = {f"transitions/{name}": getattr(learnt.data, name) for name in TYPES}
    for prefix, module in (learnt.models.parts() if learnt.models else {}).items():
        arrays.update({f"{prefix}/{name}": value.numpy() for name, value in module.state_dict().items()})
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            np.savez(file, json=np.array(json.dumps(words)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load(path: Path, settings: PETSSettings, task: Any) -> Learnt:
    """Read what `save` wrote.

    Raises:
        ValueError: for a damaged file, another format, and settings or sizes other than those it was made with.
    """
    words, arrays = _read(path)
    if words.get("format") != FORMAT:
        raise ValueError(f"{path} has format {words.get('format')}, this version reads {FORMAT}: it is left as it is")
    try:
        _compare(path, words["settings"], settings)
        data = Transitions(**{name: arrays[f"transitions/{name}"] for name in TYPES})
        trial, records, elites = words["trial"], tuple(words["records"]), words["elites"]
    except KeyError as error:
        raise ValueError(f"{path} is damaged: it has no {error.args[0]}") from error
    sizes, expected = (data.states.shape[1], data.actions.shape[1]), (task.state_size, task.action_size)
    if sizes != expected:
        raise ValueError(f"{path} has states and actions of {sizes} numbers, the task {task.name} has {expected}")
    models = None if elites is None else _models(path, settings, task, arrays, elites)
    return Learnt(trial, data, records, models)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    try:
        # opened here, because np.load leaves the file of a damaged archive open
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        words = json.loads(str(arrays.pop("json")))
        if not isinstance(words, dict):
            raise ValueError("its json is no object")
        return words, arrays
    except FileNotFoundError:
        raise
    except Exception as error:  # zip, zlib, struct, NumPy and JSON each have their own for a damaged file
        raise ValueError(f"{path} is damaged or not a checkpoint ({error})") from error


def _compare(path: Path, saved: dict[str, Any], settings: PETSSettings) -> None:
    """Only the same settings take the same course."""
    # a setting that did not exist yet was at its default
    saved = {**PETSSettings().to_dict(), **saved}
    for name, now in json.loads(json.dumps(settings.to_dict())).items():
        before = saved[name]
        if name not in MAY_DIFFER and before != now:
            raise ValueError(f"{path} was made with {name}={before!r}, got {name}={now!r}: go on with that, or make another run")


def _models(path: Path, settings: PETSSettings, task: Any, arrays: dict[str, NDArray[Any]], elites: list[int]) -> Models:
    import torch

    from mbrl_fast.online.fit import make_models

    blank = make_models(settings, task)
    for prefix, module in blank.parts().items():
        names = [name for name in arrays if name.startswith(f"{prefix}/")]
        state = {name.removeprefix(f"{prefix}/"): torch.from_numpy(arrays[name]) for name in names}
        try:
            module.load_state_dict(state)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{path}: the weights do not fit the networks of the task {task.name} ({reason})") from error
        module.eval()
    return replace(blank, elites=elites)
