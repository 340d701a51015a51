"""Snapshots: everything that one decision depended on, in one file, and planning it again bit for bit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mbrl_fast import _core, tensors
from mbrl_fast.planners.plan import Floats, Plan
from mbrl_fast.problem import Problem

FORMAT = "mbrl_fast_snapshot"
VERSION = "1"


def snapshot_bytes(decision: Mapping[str, Any], problem: bytes, planner: str, settings: Mapping[str, Any]) -> bytes:
    """The file. ``decision``: as the core gives it, see ``CEM.snapshot``."""
    plans, mean, answer, kept, kept_count, committed, held_delay, extra = decision["memory"]
    arrays: dict[str, Any] = {
        "problem": np.frombuffer(problem, np.uint8),
        "memory/mean": np.array(mean, np.float32),
        "memory/answer": np.array(answer, np.float32),
        "memory/kept": np.array(kept, np.float32),
        "memory/committed": np.array(committed, np.float32),
        "memory/extra": np.array(extra, np.float32),
        "state": decision["state"],
        "committed": decision["committed"],
        "plan/actions": decision["actions"],
        "plan/states": decision["states"],
        "plan/value": np.array([decision["value"]], np.float32),
        **{f"input/{name}": value for name, value in decision["inputs"].items()},
    }
    for name in ("previous_action", "action_low", "action_high"):
        if decision[name] is not None:
            arrays[name] = decision[name]
    if len(decision["candidates"]):
        arrays["candidates"] = decision["candidates"]
    info = _core.build_info()
    words = {
        "planner": planner,
        "settings": dict(settings),
        **{key: decision[key] for key in ("stream", "elapsed", "delay", "deadline_ms", "temperature")},
        **{key: decision[key] for key in ("status", "tiles", "model_steps")},
        "memory": {"plans": plans, "kept_count": kept_count, "delay": held_delay},
        "library": info["version"],
        "isa": info["isa"],
    }
    return tensors.pack(arrays, {"format": FORMAT, "version": VERSION, "decision": json.dumps(words)})


@dataclass(frozen=True)
class Replay:
    """A decision from a snapshot, and the same decision planned again.

    Attributes:
        problem: on which it was planned, with the weights of that moment.
        planner: a fresh planner with the settings of that moment.
        words: settings, status, tiles, elapsed, delay, library version, instruction set … as the file says.
        arrays: state, previous_action, committed, candidates, action_low, action_high, input/…, memory/…, plan/… as the file says.
        plan: planned again, traced if asked for.
    """

    problem: Problem
    planner: Any
    words: dict[str, Any]
    arrays: dict[str, Floats]
    plan: Plan

    def differences(self) -> dict[str, float]:
        """Largest difference of actions, value and, if the decision had time for them, states; 0 for equal bits."""
        pairs = {
            "actions": (self.plan.actions, self.arrays["plan/actions"]),
            "states": (self.plan.states, self.arrays["plan/states"]),
        }
        pairs["value"] = (np.array([self.plan.value], np.float32), self.arrays["plan/value"])
        if len(pairs["states"][1]) == 0:
            del pairs["states"]
        return {name: _difference(now, then) for name, (now, then) in pairs.items()}

    @property
    def same(self) -> bool:
        """Whether every bit and the status are equal."""
        return self.plan.status == self.words["status"] and not any(self.differences().values())


def replay(source: bytes | str | os.PathLike[str], *, trace: bool = False) -> Replay:
    """Plans the decision of a snapshot again, from its bytes or its file.

    A decision that the deadline cut off is stopped after as many tiles. Raises ValueError with one sentence for a file that is
    damaged or no snapshot.
    """
    from mbrl_fast.planners import REGISTRY

    arrays, metadata = tensors.unpack(source if isinstance(source, bytes) else _read(source))
    if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
        found = f"{metadata.get('format')} {metadata.get('version')}"[:60]
        raise ValueError(f"file: format and version must be {FORMAT} {VERSION}, got {found}")
    try:
        words = json.loads(metadata["decision"])
        problem = Problem(arrays.pop("problem").tobytes())
        planner = REGISTRY[words["planner"]](problem, **words["settings"])
        plan = planner._replay(words, arrays, trace)
    except (KeyError, TypeError, json.JSONDecodeError, OverflowError) as error:
        raise ValueError(f"file: not a whole snapshot: {type(error).__name__} {error}") from None
    return Replay(problem, planner, words, arrays, plan)


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {os.fspath(path)}: {error.strerror}") from error


def _difference(now: Floats, then: Floats) -> float:
    if now.shape != then.shape:
        return float("inf")
    if now.tobytes() == then.tobytes():
        return 0.0
    gap = np.abs(now.astype(np.float64) - then)
    # Bits may differ where values do not: 0 and −0. That is a difference too.
    return max(float(np.nanmax(gap, initial=0.0)), float(np.finfo(np.float64).tiny))
