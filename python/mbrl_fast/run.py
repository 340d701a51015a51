"""The run folder: everything that one training produced, and everything needed to repeat it.

```
RUN/
  config.json            command, task, seeds, settings, versions
  metrics.jsonl          one JSON object a line, each with an "event"
  problem.safetensors    what `mbrl_fast.load` reads
  transitions.npz        the data that the model was trained on
  plots/                 pictures and videos
```

A run folder is written whole or not at all: the files go to a hidden folder beside it, which takes the final name
as the last act. A run that was interrupted therefore never looks like one that finished.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG, METRICS, PROBLEM, TRANSITIONS, PLOTS = (
    "config.json",
    "metrics.jsonl",
    "problem.safetensors",
    "transitions.npz",
    "plots",
)


@dataclass(frozen=True)
class Run:
    """A run folder, by name: paths of its parts, and how they are read and written."""

    folder: Path

    @property
    def problem(self) -> Path:
        """Path of the Problem file."""
        return self.folder / PROBLEM

    @property
    def transitions(self) -> Path:
        """Path of the training data."""
        return self.folder / TRANSITIONS

    @property
    def plots(self) -> Path:
        """Folder of pictures and videos, made when first asked for."""
        plots = self.folder / PLOTS
        plots.mkdir(exist_ok=True)
        return plots

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write config.json, readable by people: indented, in the order given."""
        (self.folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def read_config(self) -> dict[str, Any]:
        """Read config.json. Raises ValueError if it is not JSON."""
        try:
            config: dict[str, Any] = json.loads((self.folder / CONFIG).read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{self.folder / CONFIG} is not JSON: {error}") from None
        return config

    def read_choices(self) -> tuple[str, dict[str, Any]]:
        """Read the task's name and the planner's settings from config.json."""
        config = self.read_config()
        try:
            return str(config["recipe"]["task"]), dict(config["planner"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{self.folder / CONFIG} names no task or no planner: {error}") from None

    def log(self, event: str, **values: Any) -> None:
        """Append one line to metrics.jsonl. A line is one write, so that parallel writers do not mix theirs."""
        line = json.dumps({"event": event, **values}) + "\n"
        with (self.folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(line)

    def read_metrics(self) -> list[dict[str, Any]]:
        """Read all lines of metrics.jsonl, in the order they were written; [] if there are none yet."""
        path = self.folder / METRICS
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def open_run(folder: str | Path) -> Run:
    """Open a finished run folder. Raises FileNotFoundError with a sentence that says which part is missing."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no run folder at {folder}: make one with `mbrl-fast train --out {folder}`")
    for part in (CONFIG, PROBLEM):
        if not (folder / part).is_file():
            raise FileNotFoundError(f"{folder} is not a run folder: it has no {part}")
    return Run(folder)


@contextmanager
def new_run(folder: str | Path, overwrite: bool = False) -> Iterator[Run]:
    """Make a run folder that appears under its name only if the body ends without an exception.

    Args:
        folder: where the run will be. Its parents are made.
        overwrite: replace a run that is there already. Anything that is not a run folder is never replaced.

    Raises:
        FileExistsError: before the body starts, if something is in the way.
    """
    folder = Path(folder).absolute()
    _refuse_to_clobber(folder, overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        partial.chmod(0o777 & ~_umask())  # mkdtemp makes it private; a run folder is like any other
        yield Run(partial)
        _take_place(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _refuse_to_clobber(folder: Path, overwrite: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not overwrite:
        raise FileExistsError(f"{folder} exists: choose another --out, or pass --overwrite to replace it")
    if not (folder / CONFIG).is_file():
        raise FileExistsError(f"{folder} exists and is not a run folder: it will not be replaced")


def _take_place(partial: Path, folder: Path) -> None:
    """Give `partial` the name `folder`. What was there is moved aside first: a rename replaces only empty folders."""
    if not folder.exists() or not any(folder.iterdir()):
        partial.replace(folder)
        return
    old = partial.with_suffix(".old")
    folder.replace(old)
    partial.replace(folder)
    shutil.rmtree(old)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
