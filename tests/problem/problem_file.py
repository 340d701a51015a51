"""Problem files built by hand, valid ones and through any field broken ones. Needs NumPy alone."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


def container(header: str | bytes, data: bytes = b"") -> bytes:
    """A safetensors container with this header, whatever it says."""
    text = header.encode() if isinstance(header, str) else header
    return len(text).to_bytes(8, "little") + text + data


def one_tensor(text: str, size: int = 0) -> bytes:
    """A container whose only tensor ``t`` is described by ``text``, with ``size`` bytes of data."""
    return container(f'{{"t": {text}}}', bytes(size))


def op(name: str, inputs: list[list[int]], out: list[int], **more: Any) -> dict[str, Any]:
    return {"op": name, "in": inputs, "out": out, **more}


@dataclass
class ProblemFile:
    """What a Problem file says, before it is bytes."""

    graph: dict[str, Any]
    tensors: dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=lambda: {"format": "mbrl_fast", "version": "1"})

    @property
    def step(self) -> Any:
        return self.graph["programs"]["step"]

    @property
    def terminal(self) -> Any:
        return self.graph["programs"]["terminal_value"]

    def bytes(self) -> bytes:
        data, header = b"", {}
        for name, values in self.tensors.items():
            array = np.asarray(values, "<f4")
            header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
            data += array.tobytes()
        checksum = {"crc32": f"{zlib.crc32(data):08x}"}
        header["__metadata__"] = {"graph": json.dumps(self.graph, separators=(",", ":")), **checksum, **self.metadata}
        return container(json.dumps(header, separators=(",", ":")), data)


def everything() -> ProblemFile:
    """Something of all that a file can hold: two members, constants, a prologue, linears, every kind of argument, four programs."""
    # Rows: 0 constant, 1 2 state, 3 action, 4 previous action, 5 time, 6 7 goal, 8 wind, 9 10 goal scaled (prologue),
    # 11.. hidden 3, 14 15 change, 16 17 next, 18 19 difference, 20 distance, 21 ended, 22 reward.
    step = {
        "members": 2,
        "constants": 1,
        "arguments": [
            ["state", 2, "lane"], ["action", 1, "lane"], ["previous_action", 1, "lane"], ["time", 1, "lane"],
            ["goal", 2, "uniform"], ["wind", 1, "lane"],
        ],
        "prologue": 1,
        "instructions": [
            op("mul", [[6, 7], [0, 0]], [9, 10]),
            op("linear", [[1, 2, 3, 4, 5, 8]], [11, 12, 13], weight="step/w0", bias="step/b0", activation="relu"),
            op("linear", [[11, 12, 13]], [14, 15], weight="step/w1", bias="step/b1", activation=""),
            op("add", [[1, 2], [14, 15]], [16, 17]),
            op("sub", [[16, 17], [9, 10]], [18, 19]),
            op("dot", [[18, 19], [18, 19]], [20]),
            op("lt", [[20], [0]], [21]),
            op("neg", [[20]], [22]),
        ],
        "outputs": {"next_state": [16, 17], "reward": [22], "termination": [21], "std": [9, 10]},
    }  # fmt: skip
    graph = {
        "state_size": 2,
        "action_size": 1,
        "dt": (0.5).hex(),
        "action_low": [(-1.0).hex()],
        "action_high": [(1.0).hex()],
        "members": 2,
        "inputs": [{"name": "goal", "shape": [2], "per_step": False}, {"name": "wind", "shape": [1], "per_step": True}],
        "programs": {
            "step": step,
            "terminal_value": program([["state", 2, "lane"]], [op("sum", [[0, 1]], [2])], {"value": [2]}),
            "policy": program([["state", 2, "lane"]], [op("sum", [[0, 1], [1]], [2])], {"action": [2]}),
            "observe": program([["observation", 3, "lane"]], [op("amax", [[0, 1]], [3])], {"state": [3, 2]}),
        },
    }
    tensors = {
        "step/constants": [[0.01], [0.02]],
        "step/w0": np.linspace(-0.3, 0.3, 36).reshape(2, 3, 6),
        "step/b0": [[0.1, -0.1, 0.2]],
        "step/w1": np.linspace(-0.2, 0.2, 6).reshape(1, 2, 3),
        "step/b1": [[0, 0.1], [0.2, 0.3]],
        "test/step/in/state": [0.5, np.nan],
    }
    return ProblemFile(graph, tensors)


def variant() -> ProblemFile:
    """Rarer ways of saying the same: a linear in the prologue, weights used twice, a dot with a start, shared constants."""
    file = everything()
    file.graph["programs"]["terminal_value"] = {
        **program(
            [["state", 2, "lane"], ["goal", 2, "uniform"]],
            [
                op("linear", [[2, 3]], [4, 5], weight="terminal/w", bias="terminal/b", activation=""),
                op("linear", [[0, 1]], [6, 7], weight="terminal/w", bias="terminal/b", activation="relu"),
                op("dot", [[6, 7], [4, 5], [0]], [8]),
            ],
            {"value": [8]},
        ),
        "prologue": 1,
    }
    file.tensors |= {"terminal/w": [[[0.5, -0.5], [1, 2]]], "terminal/b": [[0, 1]], "step/constants": [[0.01]]}
    return file


def program(arguments: list[Any], instructions: list[Any], outputs: dict[str, list[int]]) -> dict[str, Any]:
    return {
        "members": 1, "constants": 0, "arguments": arguments, "prologue": 0, "instructions": instructions, "outputs": outputs,
    }  # fmt: skip


def changed(change: Callable[[ProblemFile], object]) -> bytes:
    """The bytes of ``everything()`` with one thing changed."""
    file = everything()
    change(file)
    return file.bytes()


def assign(target: Any, key: Any, value: Any) -> None:
    """An assignment for lambdas."""
    target[key] = value


def line() -> ProblemFile:
    """The smallest problem: next state = state + action, reward = -|next state|."""
    step = program(
        [["state", 1, "lane"], ["action", 1, "lane"]],
        [op("add", [[0], [1]], [2]), op("abs", [[2]], [3]), op("neg", [[3]], [4])],
        {"next_state": [2], "reward": [4]},
    )
    graph = {
        "state_size": 1, "action_size": 1, "dt": (1.0).hex(), "action_low": [(-1.0).hex()], "action_high": ["0x0p+0"],
        "members": 1, "inputs": [], "programs": {"step": step},
    }  # fmt: skip
    return ProblemFile(graph, {})
