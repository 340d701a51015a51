"""Planners that come and go, a process that forks, and a long run: nothing leaks, nothing hangs."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported

SETTINGS: dict[str, Any] = {"horizon": 3, "steps_per_knot": 1, "population": 16, "elites": 4, "iterations": 2, "seed": 1}
SOAK_SECONDS = 8.0
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_kib() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE // 1024


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")


def in_child(planner: mf.CEM) -> bytes:
    """The actions that a forked child plans; killed when it takes longer than ten seconds."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, planner.plan(STATE, goal=GOAL).actions.tobytes())
            del planner
            gc.collect()
        finally:
            os._exit(0)
    os.close(writer)
    alarm = threading.Timer(10.0, os.kill, (child, 9))
    alarm.start()
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    alarm.cancel()
    assert status == 0
    return answer


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_forked_child_plans_the_same_bits_and_so_does_its_parent(small: Exported, count: int) -> None:
    alone = mf.CEM(small.problem, threads=count, **SETTINGS)
    expected = [alone.plan(STATE, goal=GOAL).actions.tobytes() for _ in range(3)]
    planner = mf.CEM(small.problem, threads=count, **SETTINGS)
    assert planner.plan(STATE, goal=GOAL).actions.tobytes() == expected[0]
    assert in_child(planner) == expected[1]
    assert planner.plan(STATE, goal=GOAL).actions.tobytes() == expected[1]
    assert in_child(planner) == expected[2]


@needs_proc
def test_ten_thousand_planners_come_and_go(small: Exported) -> None:
    def churn(times: int) -> None:
        for i in range(times):
            planner = mf.CEM(small.problem, threads=2 if i % 10 == 0 else 1, **SETTINGS)
            if i % 5 == 0:
                planner.plan(STATE, goal=GOAL)

    churn(500)
    before, running = resident_kib(), threads()
    churn(9500)
    gc.collect()
    assert threads() == running
    assert resident_kib() - before < 2048


@needs_proc
def test_memory_stays_flat_in_a_long_run(small: Exported) -> None:
    planner = mf.CEM(small.problem, threads=2, **{**SETTINGS, "population": 64})
    generator = np.random.default_rng(0)

    def drive(seconds: float) -> int:
        end, plans = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            plan = planner.plan(STATE + 0.1 * generator.standard_normal(6).astype(np.float32), goal=GOAL)
            assert np.isfinite(plan.actions).all()
            plans += 1
        return plans

    drive(1.0)
    gc.collect()
    before, running = resident_kib(), threads()
    assert drive(SOAK_SECONDS) > 100
    gc.collect()
    assert threads() == running
    assert resident_kib() - before < 1024
