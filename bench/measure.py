"""Checking, interleaved timing and the facts of the machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

import mbrl_fast as mf
from bench.contenders import Contender

RESULTS = Path(__file__).parent / "results"


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
        with core_noise():
            action = contender.plan()
        errors[contender.name] = float(np.max(np.abs(np.asarray(action) - expected)))
        if not errors[contender.name] <= tolerance:
            raise SystemExit(f"{contender.name} decides {action}, the reference {expected}: refusing to time a wrong answer")
    return errors


def interleaved(contenders: Sequence[Contender], rounds: int, warm_up: int = 10) -> dict[str, list[float]]:
    """Milliseconds per plan; every round times each contender once, in turn, so that the machine's moods hit all alike."""
    for contender in contenders:
        for _ in range(warm_up):
            contender.plan()
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in tqdm(range(rounds), desc="timing", leave=False):
        for contender in contenders:
            start = time.perf_counter()
            contender.plan()
            times[contender.name].append(1e3 * (time.perf_counter() - start))
    return times


def machine() -> dict[str, Any]:
    """Processor, cores, versions, commit and date."""
    cpu = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.processor()
    )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{f"mbrl_fast_{key}": value for key, value in mf.build_info().items()},
        "commit": commit,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def save(name: str, result: dict[str, Any]) -> Path:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path
