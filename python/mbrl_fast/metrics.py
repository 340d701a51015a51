"""Where numbers of a long run go while it runs: a JSON-lines file always, TensorBoard or a tracker such as W&B when asked.

None of the packages is imported unless it is asked for.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

Values = Mapping[str, Any]


class MetricWriter(Protocol):
    """Takes numbers as they come."""

    def write(self, event: str, values: Values, step: int) -> None:
        """Take the values of one event at this real step; those that are no numbers may be left out."""

    def close(self) -> None:
        """Finish: nothing is written afterwards."""


class JSONLines:
    """One JSON object a line, with "event" and "step" first; a line is one write, so a reader never meets a mixed one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, event: str, values: Values, step: int) -> None:
        """Append one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line_of({"event": event, "step": step, **values}))

    def close(self) -> None:
        """Every line was written when it came."""


class TensorBoard:
    """Scalars for TensorBoard, named event/value, by `torch.utils.tensorboard`.

    Args:
        folder: of the event files.
        first_step: of a run that goes on; what an earlier process wrote from there on is not shown any more.
    """

    def __init__(self, folder: Path, first_step: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ImportError('TensorBoard files need tensorboard: pip install "mbrl-fast[track]"') from None
        self._writer: Any = SummaryWriter(str(folder), purge_step=first_step or None)

    def write(self, event: str, values: Values, step: int) -> None:
        """Add each number as a scalar."""
        for name, value in numbers(values).items():
            self._writer.add_scalar(f"{event}/{name}", value, step)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


class Tracker:
    """Any module shaped like W&B, with `init(project=…, name=…, config=…)`, `log(values, step=…)` and `finish()`: wandb, trackio.

    Args:
        module: its name, imported now.
        project, name: under which the run is filed. config: what it was told.
        resume: go on with the run of this name. trackio finds it by the name, wandb by the id in WANDB_RUN_ID.
    """

    def __init__(self, module: str, project: str, name: str, config: Mapping[str, Any], resume: bool = False) -> None:
        try:
            self._module: Any = importlib.import_module(module)
        except ImportError:
            raise ImportError(f"tracking with {module} needs the package: pip install {module}") from None
        missing = [need for need in ("init", "log", "finish") if not hasattr(self._module, need)]
        if missing:
            raise ValueError(f"a tracker needs init, log and finish, {module} has no {missing[0]}")
        self._module.init(project=project, name=name, config=dict(config), **({"resume": "allow"} if resume else {}))

    def write(self, event: str, values: Values, step: int) -> None:
        """Log all numbers at once."""
        self._module.log({f"{event}/{name}": value for name, value in numbers(values).items()}, step=step)

    def close(self) -> None:
        """Finish the run."""
        self._module.finish()


def line_of(values: Values) -> str:
    """One line of JSON; NaN and infinity, which JSON does not know, become null."""
    return json.dumps(plain(values), allow_nan=False) + "\n"


def numbers(values: Values) -> dict[str, float]:
    """Those of the values that are finite numbers, bools as 0 and 1; of a list of them the mean."""
    found = {}
    for name, value in plain(values).items():
        if isinstance(value, list) and value and all(isinstance(each, int | float) for each in value):
            value = math.fsum(value) / len(value)
        if isinstance(value, int | float):
            found[name] = float(value)
    return found


def plain(values: Values) -> dict[str, Any]:
    """The values with None for every float that is not finite, also within lists."""

    def finite(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [finite(each) for each in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {name: finite(value) for name, value in values.items()}


def keep_lines(path: Path, records: Iterable[Values], key: str = "trial") -> None:
    """Let a JSON-lines file hold exactly these records, and besides whatever has no `key`.

    A run that was killed has written lines that its checkpoint does not know of, and will write them again. The file is replaced
    whole; a last line that is cut off goes.
    """
    others = []
    if path.exists():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                known = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(known, dict) and key not in known:
                others.append(line)
    part = path.with_name(f".{path.name}.part")
    part.write_text("".join([*map(line_of, records), *(line + "\n" for line in others)]), encoding="utf-8")
    part.replace(path)
