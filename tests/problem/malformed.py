"""One malformed file for every rule of the loader and the validator: name -> (bytes, what loading says)."""

from __future__ import annotations

import json

import numpy as np
from problem_file import ProblemFile, assign, changed, container, everything, line, one_tensor, op, program

SIZE = 1 << 20


def _container() -> dict[str, bytes]:
    whole = everything().bytes()
    return {
        "empty": b"",
        "no safetensors": b"this is not a safetensors file",
        "truncated header": container("{}")[:9],
        "broken json": container("{"),
        "byte order mark": container(b"\xef\xbb\xbf{}"),
        "zero byte after the header": container("{}\0"),
        "deep json": container("[" * 40),
        "duplicate key": container('{"a": {"b": 1, "b": 2}}'),
        "header a list": container("[]"),
        "metadata a number": container('{"__metadata__": 1}'),
        "metadata not text": container('{"__metadata__": {"format": 1}}'),
        "no metadata": container("{}"),
        "tensor a number": one_tensor("1"),
        "tensor without type": one_tensor("{}"),
        "tensor of doubles": one_tensor('{"dtype": "F64"}'),
        "shape a number": one_tensor('{"dtype": "F32", "shape": 3}'),
        "nine axes": one_tensor('{"dtype": "F32", "shape": [1, 1, 1, 1, 1, 1, 1, 1, 1]}'),
        "negative axis": one_tensor('{"dtype": "F32", "shape": [-1]}'),
        "fractional axis": one_tensor('{"dtype": "F32", "shape": [1.5]}'),
        "minus zero": one_tensor('{"dtype": "F32", "shape": [-0]}'),
        "axis beyond int64": one_tensor('{"dtype": "F32", "shape": [18446744073709551615]}'),
        "too many elements": one_tensor('{"dtype": "F32", "shape": [536870912, 536870912]}'),
        "one offset": one_tensor('{"dtype": "F32", "shape": [1], "data_offsets": [0]}', 4),
        "offset past the end": one_tensor('{"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}', 4),
        "shape and offsets differ": one_tensor('{"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}', 4),
        "hole in the data": one_tensor('{"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}', 8),
        "data not covered": one_tensor('{"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}', 8),
        "overlapping tensors": container(
            json.dumps({n: {"dtype": "F32", "shape": [s], "data_offsets": [0, 4 * s]} for n, s in (("t", 2), ("u", 1))}), bytes(8)
        ),
        "damaged data": whole[:-1] + bytes([whole[-1] ^ 1]),
    }


def _file() -> dict[str, bytes]:
    return {
        "another format": changed(lambda f: assign(f.metadata, "format", "pt")),
        "newer version": changed(lambda f: assign(f.metadata, "version", "2")),
        "no version": changed(lambda f: f.metadata.pop("version")),
        "missing tensor": changed(lambda f: f.tensors.pop("step/w1")),
        "missing constants": changed(lambda f: f.tensors.pop("step/constants")),
        "nan weight": changed(lambda f: assign(f.tensors, "step/b0", [[0, np.nan, 0]])),
        "nan constant": changed(lambda f: assign(f.tensors, "step/constants", [[0], [np.nan]])),
        "graph no json": changed(lambda f: assign(f.metadata, "graph", "{")),
        "graph a list": changed(lambda f: assign(f.metadata, "graph", "[]")),
        "no dt": changed(lambda f: f.graph.pop("dt")),
        "state of nothing": changed(lambda f: assign(f.graph, "state_size", 0)),
        "action size as text": changed(lambda f: assign(f.graph, "action_size", "1")),
        "too many members": changed(lambda f: assign(f.graph, "members", 5000)),
        "decimal dt": changed(lambda f: assign(f.graph, "dt", "0.5")),
        "dt with letters": changed(lambda f: assign(f.graph, "dt", "0x1.zp+1")),
        "dt beyond double": changed(lambda f: assign(f.graph, "dt", "0x1p+9999")),
        "empty dt": changed(lambda f: assign(f.graph, "dt", "")),
        "dt of nothing": changed(lambda f: assign(f.graph, "dt", "0x0p+0")),
        "infinite reward bound": changed(lambda f: assign(f.graph, "reward_bound", "inf")),
        "infinite dt": changed(lambda f: assign(f.graph, "dt", "-inf")),
        "two bounds for one action": changed(lambda f: assign(f.graph, "action_low", ["inf", "inf"])),
        "two upper bounds": changed(lambda f: assign(f.graph, "action_high", ["inf", "inf"])),
        "bounds in the wrong order": changed(lambda f: assign(f.graph, "action_low", ["0x1p+1"])),
        "infinite lower bound": changed(lambda f: assign(f.graph, "action_low", ["-inf"])),
        "infinite upper bound": changed(lambda f: assign(f.graph, "action_high", ["inf"])),
        "inputs a number": changed(lambda f: assign(f.graph, "inputs", 1)),
        "too many inputs": changed(lambda f: assign(f.graph, "inputs", [1] * 1025)),
        "input without a name": changed(lambda f: f.graph["inputs"][0].pop("name")),
        "per_step a number": changed(lambda f: assign(f.graph["inputs"][0], "per_step", 1)),
        "large input": changed(lambda f: assign(f.graph["inputs"][0], "shape", [4096, 4096])),
        "large inputs": changed(lambda f: assign(f.graph["inputs"][0], "shape", [SIZE])),
        "input twice": changed(lambda f: f.graph["inputs"].append(f.graph["inputs"][0])),
        "programs a number": changed(lambda f: assign(f.graph, "programs", 1)),
        "too many programs": changed(lambda f: f.graph["programs"].update(dict.fromkeys("abcdefgh", 1))),
        "members of a program": changed(lambda f: assign(f.graph, "members", 3)),
    }


def _program() -> dict[str, bytes]:
    def large(file: ProblemFile, rows: int) -> None:
        assign(file.graph["inputs"][0], "shape", [rows])
        file.step["arguments"][4][1] = rows

    def shared(file: ProblemFile) -> None:
        n = 48
        file.graph["members"] = file.step["members"] = 4096
        file.step["instructions"][1] |= {"in": [[1] * n], "out": [11, 12, 13, *range(23, 20 + n)]}
        file.tensors |= {
            "step/w0": np.zeros((1, n, n)),
            "step/b0": np.zeros((1, n)),
            "step/constants": [[0.0]],
            "step/b1": [[0, 0]],
        }

    return {
        "no members": changed(lambda f: assign(f.step, "members", 0)),
        "too many members of a program": changed(lambda f: assign(f.step, "members", 5000)),
        "too many constants": changed(lambda f: (assign(f.step, "constants", SIZE + 1))),
        "constants of another shape": changed(lambda f: assign(f.tensors, "step/constants", [0.01])),
        "too many arguments": changed(lambda f: assign(f.step, "arguments", [1] * 1025)),
        "argument a number": changed(lambda f: assign(f.step["arguments"], 0, 1)),
        "argument without a kind": changed(lambda f: f.step["arguments"][0].pop()),
        "argument of both kinds": changed(lambda f: assign(f.step["arguments"][0], 2, "both")),
        "argument twice": changed(lambda f: assign(f.step["arguments"], 1, ["state", 2, "lane"])),
        "argument too large": changed(lambda f: assign(f.step["arguments"][4], 1, SIZE)),
        "too many rows": changed(lambda f: large(f, SIZE - 7)),
        "prologue too long": changed(lambda f: assign(f.step, "prologue", 99)),
        "unknown operation": changed(lambda f: assign(f.step["instructions"][0], "op", "conv")),
        "four operand lists": changed(lambda f: assign(f.step["instructions"][0], "in", [[1]] * 4)),
        "three operand lists of a sum": changed(lambda f: assign(f.terminal["instructions"][0], "in", [[0], [1], [0]])),
        "one operand list": changed(lambda f: f.step["instructions"][3]["in"].pop()),
        "negative row": changed(lambda f: assign(f.step["instructions"][0]["out"], 0, -1)),
        "row beyond int64": changed(lambda f: assign(f.step["instructions"][0]["out"], 0, (1 << 64) - 1)),
        "unknown activation": changed(lambda f: assign(f.step["instructions"][1], "activation", "gelu")),
        "row assigned twice": changed(lambda f: assign(f.step["instructions"][7], "out", [21])),
        "row that does not exist": changed(lambda f: assign(f.step["instructions"][7], "out", [23])),
        "row before its definition": changed(lambda f: assign(f.step["instructions"][6]["in"], 0, [22])),
        "row out of range": changed(lambda f: assign(f.step["instructions"][6]["in"], 0, [99])),
        "output row that does not exist": changed(lambda f: assign(f.step["outputs"], "reward", [23])),
        "instruction without result": changed(lambda f: f.step["instructions"].append(op("abs", [[]], []))),
        "map of unequal lists": changed(lambda f: f.step["instructions"][3]["in"][1].pop()),
        "start of another size": changed(lambda f: f.step["instructions"][5]["in"].append([0, 0])),
        "reduction of unequal lists": changed(lambda f: f.step["instructions"][5]["in"][1].pop()),
        "reduction of nothing": changed(lambda f: assign(f.terminal["instructions"][0], "in", [[]])),
        "reduction without remainder": changed(
            lambda f: f.terminal["instructions"].append(op("sum", [[0, 1, 0]], [3, 4]))
        ),
        "prologue reads a lane": changed(lambda f: assign(f.step["instructions"][0]["in"], 0, [1, 2])),
        "linear of a uniform": changed(lambda f: assign(f.step["instructions"][1]["in"][0], 5, 6)),
        "linear of nothing": changed(lambda f: assign(f.step["instructions"][1], "in", [[]])),
        "weight of another shape": changed(lambda f: assign(f.step["instructions"][1], "weight", "step/w1")),
        "weight of other members": changed(lambda f: assign(f.tensors, "step/w0", np.zeros((3, 3, 6)))),
        "bias of another shape": changed(lambda f: assign(f.step["instructions"][1], "bias", "step/b1")),
        "weights repeated too often": changed(shared),
    }  # fmt: skip


def _problem() -> dict[str, bytes]:
    def value_of(argument: list[object]) -> bytes:
        return changed(lambda f: assign(f.graph["programs"], "terminal_value", program([argument], [], {"value": [0]})))

    def many_uniforms(file: ProblemFile) -> None:
        file.graph["members"], file.step["members"] = 4096, 1
        file.tensors |= {name: np.asarray(file.tensors[name])[:1] for name in ("step/constants", "step/w0", "step/b1")}
        assign(file.graph["inputs"][0], "shape", [2000])
        file.graph["programs"]["large"] = program([["goal", 2000, "uniform"]], [], {})

    stateless = line()
    stateless.graph["programs"]["step"] = program([["action", 1, "lane"]], [], {"next_state": [0]})
    return {
        "no step": changed(lambda f: f.graph["programs"].pop("step")),
        "step without state": stateless.bytes(),
        "no next state": changed(lambda f: f.step["outputs"].pop("next_state")),
        "outputs a list": changed(lambda f: assign(f.step, "outputs", [])),
        "next state of another size": changed(lambda f: assign(f.step["outputs"], "next_state", [16])),
        "no reward rows": changed(lambda f: assign(f.step["outputs"], "reward", [])),
        "two terminations": changed(lambda f: assign(f.step["outputs"], "termination", [20, 21])),
        "std of another size": changed(lambda f: assign(f.step["outputs"], "std", [20])),
        "no value": changed(lambda f: assign(f.terminal, "outputs", {})),
        "no policy action": changed(lambda f: assign(f.graph["programs"]["policy"], "outputs", {})),
        "unknown argument": changed(lambda f: assign(f.step["arguments"][4], 0, "target")),
        "argument of another size": changed(lambda f: assign(f.graph["inputs"][0], "shape", [3])),
        "argument of another kind": value_of(["time", 1, "uniform"]),
        "value of a per-step input": value_of(["wind", 1, "lane"]),
        "too many uniform rows": changed(many_uniforms),
    }


def malformed() -> dict[str, bytes]:
    """Every malformed file by name."""
    return {**_container(), **_file(), **_program(), **_problem()}
