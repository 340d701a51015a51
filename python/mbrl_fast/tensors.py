"""Named arrays in one file, in the safetensors layout: nothing in it is executed. NumPy alone."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "U8": np.dtype("u1")}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}
_MOST_HEADER = 1 << 26


def pack(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a file with float32 and uint8 arrays, by name, and words; equal content is equal bytes.

    A ``crc32`` of the arrays' bytes is added to the metadata.
    """
    data = bytearray()
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name], tensors[name].dtype.newbyteorder("<"))
        start = len(data)
        data += array.tobytes()
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(tensors[name].shape), "data_offsets": [start, len(data)]}
    header["__metadata__"]["crc32"] = f"{zlib.crc32(data):08x}"
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + bytes(data)


def unpack(data: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Arrays by name and metadata of a file that ``pack`` wrote. Raises ValueError with one sentence for anything else."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(len(data) - 8, _MOST_HEADER):
        raise ValueError(f"file: truncated or no safetensors file, {len(data)} bytes")
    try:
        header = json.loads(data[8 : 8 + size])
        metadata = {str(key): str(value) for key, value in header.pop("__metadata__").items()}
        body = memoryview(data)[8 + size :]
        if metadata["crc32"] != f"{zlib.crc32(body):08x}":
            raise ValueError(f"file: tensor bytes are damaged, crc32 must be {metadata['crc32'][:16]}")
        return {str(name): _array(body, name, entry) for name, entry in header.items()}, metadata
    except (KeyError, TypeError, AttributeError, RecursionError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"file: header is damaged: {type(error).__name__} {error}") from None


def _array(body: memoryview, name: str, entry: Mapping[str, Any]) -> NDArray[Any]:
    kind, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if kind not in _TYPES:
        raise ValueError(f"tensor {name}: dtype must be one of {', '.join(_TYPES)}, got {kind!r}")
    sizes = [*shape, begin, end]
    if not all(isinstance(n, int) and 0 <= n <= 1 << 40 for n in sizes) or not begin <= end <= len(body) or len(shape) > 8:
        raise ValueError(f"tensor {name}: shape {shape} and data_offsets {[begin, end]} do not fit the file")
    count = 1
    for n in shape:
        count *= n
    if count * _TYPES[kind].itemsize != end - begin:
        raise ValueError(f"tensor {name}: must take {count * _TYPES[kind].itemsize} bytes, got {end - begin}")
    return np.frombuffer(body[begin:end], _TYPES[kind]).reshape(shape).copy()


def write_whole(path: str | os.PathLike[str], data: bytes) -> Path:
    """Writes a file, whole or not at all."""
    target = Path(path)
    part = target.with_name(target.name + ".part")
    try:
        part.write_bytes(data)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target
