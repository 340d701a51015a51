"""Checking, interleaved timing and the facts of the machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

import mbrl_fast as mf
from bench.contenders import Contender
from mbrl_fast.tensors import write_whole

RESULTS = Path(__file__).parent / "results"
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99, 100.0)


@contextmanager
def core_noise(seed: int = 0) -> Iterator[None]:
    """Inside, `torch.randn(H, N, A)` answers the core's numbers for iteration 0, 1, ... of plan 0."""
    original, iteration = torch.randn, iter(range(1_000_000))

    def randn(horizon: int, population: int, size: int) -> torch.Tensor:
        noise = mf.noise(seed, 0, 0, next(iteration), population, horizon * size)
        return torch.from_numpy(noise.reshape(population, horizon, size).transpose(1, 0, 2).copy())

    torch.randn = randn
    try:
        yield
    finally:
        torch.randn = original


def check(contenders: Sequence[Contender], expected: np.ndarray, tolerance: float = 1e-3) -> dict[str, float]:
    """Refuses to go on when a contender, given the same noise, decides otherwise than the reference."""
    errors = {}
    for contender in contenders:
        torch.set_num_threads(contender.threads)
        if contender.error is not None:
            errors[contender.name] = contender.error()
            if not errors[contender.name] <= tolerance:
                raise SystemExit(f"{contender.name} is {errors[contender.name]} off the reference: refusing to time a wrong answer")
            continue
        with core_noise():
            action = contender.plan()
        errors[contender.name] = float(np.max(np.abs(np.asarray(action) - expected)))
        if not errors[contender.name] <= tolerance:
            raise SystemExit(f"{contender.name} decides {action}, the reference {expected}: refusing to time a wrong answer")
    return errors


def interleaved(
    contenders: Sequence[Contender], rounds: int, warm_up: int = 10, each: Callable[[], None] | None = None
) -> dict[str, list[float]]:
    """Milliseconds per plan; every round times each contender once, in turn, so that the machine's moods hit all alike.

    The timed plan follows an untimed one of the same contender: it finds its own data in the cache and no other's threads
    still spinning. `each` runs once a round, for a control.
    """
    for contender in contenders:
        torch.set_num_threads(contender.threads)
        for _ in range(warm_up):
            seconds(contender)
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in tqdm(range(rounds), desc="timing", leave=False):
        if each is not None:
            each()
        for contender in contenders:
            torch.set_num_threads(contender.threads)
            seconds(contender)
            times[contender.name].append(1e3 * seconds(contender))
    return times


def seconds(contender: Contender) -> float:
    """Of one plan."""
    if contender.timed is not None:
        return contender.timed()
    start = time.perf_counter()
    contender.plan()
    return time.perf_counter() - start


def row(milliseconds: Sequence[float], **more: Any) -> dict[str, Any]:
    """What a result says of one contender's times."""
    return {"median_ms": float(np.median(milliseconds)), "p99_ms": float(np.percentile(milliseconds, 99)), **more}


def tail(times: NDArray[Any]) -> dict[str, float]:
    """Percentiles of nanoseconds, in microseconds."""
    return {percentile(q): 1e-3 * float(np.percentile(times, q)) for q in PERCENTILES}


def percentile(q: float) -> str:
    """Its name."""
    return "max" if q == 100.0 else f"p{q:g}"


def machine(packages: Sequence[str] = ()) -> dict[str, Any]:
    """Processor, cores, versions (of the packages named, too), commit and date."""
    cpu = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.processor()
    )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        **{f"mbrl_fast_{key}": value for key, value in mf.build_info().items()},
        "commit": commit,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def version(package: str) -> str:
    """Of an installed package, or the words "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def save(name: str, result: dict[str, Any]) -> Path:
    RESULTS.mkdir(exist_ok=True)
    return write_whole(RESULTS / f"{name}.json", (json.dumps(result, indent=1) + "\n").encode())


def publish(
    name: str, result: dict[str, Any], draw: Callable[[dict[str, Any], Path], Any], saved: bool, picture: Path | None
) -> dict[str, Any]:
    """Saves the result and its picture, or draws it where it is asked for. Returns the result as a reader of the file has it."""
    if saved:
        print(save(name, result))
    path = RESULTS / f"{name}.png" if saved else picture
    if path is not None:
        draw(result, path)
    return json.loads(json.dumps(result))  # type: ignore[no-any-return]
