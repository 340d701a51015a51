"""Problems in the layout of the Hugging Face hub: weights, what they are, and a card. Neither network nor account is needed.

```
FOLDER/
  model.safetensors    the Problem file as it is, for `mbrl_fast.load` too
  config.json          sizes, bounds, task, version
  README.md            the card: how to load it, what it was measured at
```

`hf upload USER/NAME FOLDER` publishes such a folder; `hub.load(huggingface_hub.snapshot_download("USER/NAME"))` reads it again.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mbrl_fast._core import build_info
from mbrl_fast.problem import Problem
from mbrl_fast.problem import load as load_problem
from mbrl_fast.tensors import write_whole

MODEL, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
LIBRARY = "mbrl_fast"


def save(
    problem: Problem,
    folder: str | os.PathLike[str],
    *,
    task: Any = None,
    metrics: Mapping[str, float] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a Problem as a folder for the hub.

    Args:
        problem: exported or loaded.
        folder: made if it is not there; other files in it stay.
        task: what it was made for: a task, or a name.
        metrics: measured numbers by name, such as {"success": 0.99}; they become the card's model-index.
        overwrite: replace the three files where they are there already.

    Raises:
        FileExistsError: if one of the files is there and is not to be replaced.
        ValueError: for a metric that is not finite or that there is no task for; TypeError: for one that is no number.
    """
    folder, name = Path(folder), str(getattr(task, "name", task) or "")
    measured = {key: _number(key, value) for key, value in (metrics or {}).items()}
    if measured and not name:
        raise ValueError(f"metrics need the task that they were measured on, got {', '.join(measured)} and no task")
    present = [part for part in (MODEL, CONFIG, CARD) if (folder / part).exists()]
    if present and not overwrite:
        raise FileExistsError(f"{folder / present[0]} exists: choose another folder, or overwrite=True to replace it")
    folder.mkdir(parents=True, exist_ok=True)
    problem.save(folder / MODEL)
    write_whole(folder / CONFIG, (json.dumps(_config(problem, name, measured), indent=2) + "\n").encode())
    write_whole(folder / CARD, _card(problem, name or "none", measured).encode())
    return folder


def load(folder: str | os.PathLike[str]) -> Problem:
    """Read the Problem of a folder that `save` wrote, or of one that came from the hub.

    Raises:
        ValueError: if its config.json names another library, or there is no Problem file that can be read.
    """
    folder = Path(folder)
    if (folder / CONFIG).is_file():
        library = _read(folder / CONFIG).get("library_name")
        if library != LIBRARY:
            raise ValueError(f"{folder / CONFIG}: library_name must be {LIBRARY}, got {library!r}")
    return load_problem(folder / MODEL)


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise ValueError(f"{path} must hold a JSON object, got {type(config).__name__}")
    return config


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"metric {name} must be a number, got {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"metric {name} must be finite, got {number}")
    return number


def _config(problem: Problem, task: str, metrics: Mapping[str, float]) -> dict[str, Any]:
    return {
        "library_name": LIBRARY,
        "library_version": build_info()["version"],
        "task": task or None,
        "state_size": problem.state_size,
        "action_size": problem.action_size,
        "action_low": problem.action_low.tolist(),
        "action_high": problem.action_high.tolist(),
        "dt": problem.dt,
        "members": problem.members,
        "inputs": {name: list(shape) for name, shape in problem.inputs.items()},
        "programs": list(problem.graph["programs"]),
        "metrics": dict(metrics),
    }


def _card(problem: Problem, task: str, metrics: Mapping[str, float]) -> str:
    """Markdown below a YAML header, whose values are written as JSON, which YAML includes."""
    tags = ["reinforcement-learning", "model-based-reinforcement-learning", "model-predictive-control"]
    header: dict[str, Any] = {"library_name": LIBRARY, "tags": tags if task == "none" else [*tags, task]}
    if metrics:
        values = [{"type": key, "name": key, "value": value} for key, value in metrics.items()]
        kind = {"type": "reinforcement-learning", "name": "reinforcement-learning"}
        result = {"task": kind, "dataset": {"type": task, "name": task}, "metrics": values}
        header["model-index"] = [{"name": f"{LIBRARY}-{task}", "results": [result]}]
    yaml = "\n".join(f"{key}: {json.dumps(value)}" for key, value in header.items())
    inputs = ", ".join(f"`{name}` {list(shape)}" for name, shape in problem.inputs.items()) or "none"
    given = "".join(f", {name}=..." for name in problem.inputs)
    table = "\n".join(["| metric | value |", "|---|---:|", *(f"| {key} | {value:g} |" for key, value in metrics.items())])
    return f"""---
{yaml}
---

# A Problem of mbrl_fast

Learned dynamics and a reward to plan with, compiled for planning in C++.

| | |
|---|---|
| task | {task} |
| state, action | {problem.state_size}, {problem.action_size} numbers |
| time step | {problem.dt:g} s |
| members of the ensemble | {problem.members} |
| run-time inputs | {inputs} |

```python
import mbrl_fast as mf

problem = mf.hub.load("FOLDER")  # from the hub: huggingface_hub.snapshot_download("USER/NAME")
problem.verify()
plan = mf.CEM(problem).plan(state{given})
```
{f"{chr(10)}## Measured{chr(10)}{chr(10)}{table}{chr(10)}" if metrics else ""}"""
