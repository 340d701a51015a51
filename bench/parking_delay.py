"""What a delay of the actuators costs in parking-v0, and what looking across it brings back; the exact bicycle plans.

    python -m bench.parking_delay --episodes 100 --delay 0.06

Every episode is driven without a delay, with one that the planner does not know, and with one that it looks across
(`Agent(delay=…)`). highway-env simulates at 15 Hz: the delay is rounded to 1/15 s, so 60 ms are 66.7 ms here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console

from bench import measure
from mbrl_fast.agent import Agent
from mbrl_fast.demo import progress_bar
from mbrl_fast.evaluation import evaluate
from mbrl_fast.models import Bicycle
from mbrl_fast.pipeline import export_for, load_agent
from mbrl_fast.report.table import comparison
from mbrl_fast.tasks import Delayed, Parking


@dataclass(frozen=True)
class ParkingDelay:
    """Parking with late actions."""

    episodes: int = 100
    """Of each kind."""
    seed: int = 1000
    """Of the first episode."""
    delay: float = 0.06
    """Seconds, rounded to 1/15 s."""
    jobs: int = 1
    """Processes that drive episodes."""
    max_steps: int = 200
    """Steps after which an episode counts as failed."""
    save: bool = False
    """Write bench/results/parking_delay.json."""

    def run(self) -> None:
        """Drive and show."""
        task, late = Parking(), Delayed(Parking(), self.delay)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bicycle.safetensors"
            export_for(task, [Bicycle()]).save(path)
            kinds: dict[str, tuple[Any, float]] = {
                "no delay": (task, 0.0),
                "delay, ignored": (late, 0.0),
                "delay, looked across": (late, late.seconds),
            }
            results = {name: self._drive(path, driven, delay) for name, (driven, delay) in kinds.items()}
        milliseconds = round(1e3 * late.seconds, 1)
        Console().print(comparison(results, f"parking-v0, exact bicycle, actions {milliseconds} ms late; 95 % intervals"))
        if self.save:
            options = {**asdict(self), "delay_ms": milliseconds}
            measure.save("parking_delay", {"machine": measure.machine(), "options": options, "agents": results})

    def _drive(self, problem: Path, task: Any, delay: float) -> dict[str, Any]:
        agent: Callable[[], Agent] = partial(load_agent, problem, task.planner_settings(), task, delay)
        result = evaluate(agent, task, self.episodes, self.seed, progress_bar, self.jobs, self.max_steps)
        return result.to_dict()


if __name__ == "__main__":
    tyro.cli(ParkingDelay).run()
