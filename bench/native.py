"""The bench's own C++: compiled once per run into a temporary folder, called through ctypes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
CHAINS = 12
LANES = {"baseline": 4, "avx2": 8, "avx512": 16}
"""Floats per vector of each loop in native.cpp."""


def compile_library(source: str | Path, flags: Sequence[str] = ()) -> ctypes.CDLL:
    """Compiles one C++ file into a library and loads it. SystemExit with one sentence when that fails."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise SystemExit("this bench compiles a C++ file: g++ or clang++ must be installed")
    folder = tempfile.TemporaryDirectory(prefix="mbrl_fast_bench_")
    library = Path(folder.name) / "native.so"
    command = [compiler, "-std=c++20", "-O2", "-ffp-contract=fast", "-shared", "-fPIC", *flags, str(source), "-o", str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{Path(source).name} does not compile: {done.stderr.strip()[:2000]}")
    loaded = ctypes.CDLL(str(library))
    folder.cleanup()  # the loaded library keeps its own hold on the file
    return loaded


@cache
def _library() -> ctypes.CDLL:
    return compile_library(HERE / "native.cpp", ["-Wno-psabi"])


@cache
def instruction_sets() -> tuple[str, ...]:
    """Those of the spin loop that this processor has, narrowest first."""
    library = _library()
    return tuple(name for index, name in enumerate(LANES) if library.has_isa(index))


@cache
def spin(isa: str) -> Callable[[int], float]:
    """The register-only loop: `spin(isa)(rounds)` does rounds × 12 vectors of multiply-adds."""
    function = getattr(_library(), f"spin_{isa}")
    function.argtypes, function.restype = [ctypes.c_int64], ctypes.c_float
    return function


def best_isa() -> str:
    """The spin loop of the most multiply-adds a second: on some processors AVX-512 has no more than AVX2."""
    return max(instruction_sets(), key=lambda isa: max(peak(isa, 2e-3) for _ in range(5)))


def peak(isa: str, seconds: float = 1e-3) -> float:
    """Multiply-adds a second of one burst of about `seconds`."""
    rounds = rounds_for(isa, seconds)
    start = time.perf_counter()
    spin(isa)(rounds)
    return rounds * CHAINS * LANES[isa] / (time.perf_counter() - start)


@cache
def rounds_for(isa: str, seconds: float) -> int:
    """Rounds of the spin loop that take about so long."""
    return calibrate(isa, seconds, trials=15)


def calibrate(isa: str, seconds: float, trials: int = 101) -> int:
    """Rounds whose median time is `seconds`."""
    rounds = max(1, int(seconds * 1e8))
    for _ in range(4):
        taken = sorted(_timed(isa, rounds) for _ in range(trials))[trials // 2]
        rounds = max(1, round(rounds * seconds / taken))
    return rounds


def _timed(isa: str, rounds: int) -> float:
    function = spin(isa)
    start = time.perf_counter()
    function(rounds)
    return time.perf_counter() - start
