"""The Problem file: safetensors bytes with the graph in the metadata."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors.numpy import save

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
    return graph, tensors


def to_bytes(graph: dict[str, Any], tensors: Mapping[str, FloatArray]) -> bytes:
    """Serialises twice, as the checksum of the data is in the header before it."""
    arrays = {name: np.ascontiguousarray(tensors[name], np.float32) for name in sorted(tensors)}
    metadata = {"format": "mbrl_fast", "version": "1", "crc32": "0" * 8, "graph": json.dumps(graph, separators=(",", ":"))}
    data = save(arrays, metadata)
    header = 8 + int.from_bytes(data[:8], "little")
    metadata["crc32"] = f"{zlib.crc32(data[header:]):08x}"
    return bytes(save(arrays, metadata))
