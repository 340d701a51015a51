"""The Problem file: safetensors bytes with the graph in the metadata."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from .program import FloatArray, Program
from .spec import ExportSpec


def graph_of(spec: ExportSpec, programs: Mapping[str, Program]) -> tuple[dict[str, Any], dict[str, FloatArray]]:
    """The graph (JSON with floats as hex strings) and its tensors."""
    tensors: dict[str, FloatArray] = {}
    graphs = {}
    for name, program in programs.items():
        graphs[name], own = program.to_json(name)
        tensors.update(own)
    graph = {
        "state_size": spec.state_size,
        "action_size": spec.action_size,
        "dt": float(spec.dt).hex(),
        "action_low": [float(value).hex() for value in spec.action_low],
        "action_high": [float(value).hex() for value in spec.action_high],
        **{key: list(names) for key, names in spec.names.items()},
        "members": max(program.members for program in programs.values()),
        "inputs": [{"name": i.name, "shape": list(i.shape), "per_step": i.per_step} for i in spec.inputs],
        "programs": graphs,
    }
    if spec.reward_bound is not None:
        graph["reward_bound"] = spec.reward_bound.hex()
    return graph, tensors


def to_bytes(graph: dict[str, Any], tensors: Mapping[str, FloatArray]) -> bytes:
    """The file: length of the header, header (JSON padded to 8 bytes), tensors one after the other.

    Written here because the safetensors package orders its metadata at random: equal Problems are equal bytes.
    """
    data = bytearray()
    header: dict[str, Any] = {"__metadata__": {"format": "mbrl_fast", "version": "1"}}
    for name in sorted(tensors):
        start = len(data)
        data += np.ascontiguousarray(tensors[name], "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [start, len(data)]}
    header["__metadata__"]["crc32"] = f"{zlib.crc32(data):08x}"
    header["__metadata__"]["graph"] = json.dumps(graph, separators=(",", ":"))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + bytes(data)
