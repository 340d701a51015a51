"""The Problem file: round trips, writing whole or not at all, and one sentence for whatever is not one."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported
from mbrl_fast.export.file import to_bytes


def rewritten(data: bytes, metadata: dict[str, str]) -> bytes:
    """The file again, by the safetensors package, with some `metadata` entries replaced."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = {**header["__metadata__"], **metadata}
    return bytes(save_tensors(load_tensors(data), metadata))


def sentence_of(data: bytes) -> str:
    """What loading says: a plain ValueError of one line."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        mf.Problem(data)
    assert type(caught.value) is ValueError
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_a_saved_problem_loads_with_the_same_bits(
    small: Exported, ensemble: Exported, everything: mf.Problem, tmp_path: Path
) -> None:
    for problem in (small.problem, ensemble.problem, everything):
        path = problem.save(tmp_path / "problem.safetensors")
        loaded = mf.load(path)
        assert loaded.bytes == problem.bytes == path.read_bytes()
        assert loaded.graph == problem.graph
        assert loaded.verify() == problem.verify()
    planned = mf.CEM(mf.load(small.problem.save(str(tmp_path / "small")))).plan(STATE, goal=GOAL)
    np.testing.assert_array_equal(planned.actions, mf.CEM(small.problem).plan(STATE, goal=GOAL).actions)


def test_the_same_export_writes_the_same_bytes(small: Exported) -> None:
    from conftest import export_lti

    assert export_lti([0]).problem.bytes == small.problem.bytes


def test_saving_leaves_the_old_file_or_the_new_one(small: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "problem.safetensors"
    path.write_bytes(b"the old file")

    def full(self: Path, data: bytes) -> int:
        with open(self, "wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        small.problem.save(path)
    monkeypatch.undo()
    assert path.read_bytes() == b"the old file"
    assert os.listdir(tmp_path) == ["problem.safetensors"]
    small.problem.save(path)
    assert path.read_bytes() == small.problem.bytes
    assert os.listdir(tmp_path) == ["problem.safetensors"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^cannot read .*nothing\.safetensors: No such file or directory$"):
        mf.load(tmp_path / "nothing.safetensors")
    with pytest.raises(ValueError, match=r"^cannot read .*: Is a directory$"):
        mf.load(tmp_path)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    assert sentence_of(b"") == "file: must be a safetensors file of at least 8 bytes, got 0"
    assert "is this a safetensors file?" in sentence_of(b"PK\x03\x04 a zip file, perhaps a pickled model")
    foreign = bytes(save_tensors({"weight": np.zeros(3, np.float32)}))
    assert sentence_of(foreign) == "file: metadata has no 'format': not an mbrl_fast Problem file"
    foreign = bytes(save_tensors({"weight": np.zeros(3, np.float32)}, {"format": "pt"}))
    assert sentence_of(foreign) == "file: format must be mbrl_fast, got pt"
    assert (
        sentence_of(bytes(save_tensors({"weight": np.zeros(3)}, {"format": "mbrl_fast"})))
        == "tensor weight.dtype must be F32, got F64"
    )


def test_newer_files_are_refused(small: Exported) -> None:
    newer = rewritten(small.problem.bytes, metadata={"version": "2"})
    assert sentence_of(newer) == "file: version must be 1, got 2: load it with a matching mbrl_fast, or export it again"
    graph = json.dumps(small.problem.graph).replace('"op": "linear"', '"op": "conv"', 1)
    assert "unknown operation 'conv': the file needs a newer mbrl_fast" in sentence_of(
        rewritten(small.problem.bytes, metadata={"graph": graph})
    )


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_truncated_files_are_refused(small: Exported, data: st.DataObject) -> None:
    whole = small.problem.bytes
    sentence_of(whole[: data.draw(st.integers(0, len(whole) - 1))])


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_altered_bytes_are_refused_or_another_valid_file(small: Exported, data: st.DataObject) -> None:
    whole = bytearray(small.problem.bytes)
    header = 8 + int.from_bytes(whole[:8], "little")
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    if at >= header:
        assert sentence_of(bytes(whole)).startswith("file: tensor bytes are damaged, crc32 must be")
        return
    with contextlib.suppress(ValueError):  # a changed digit may still make a valid file
        mf.Problem(bytes(whole))
        return
    sentence_of(bytes(whole))


def test_bytes_that_are_no_text_still_make_a_sentence(small: Exported) -> None:
    whole = small.problem.bytes
    at = whole.index(b"mbrl_fast")
    for bad in (b"\xff", b"\xc3", b"\x00"):
        sentence_of(whole[:at] + bad + whole[at + 1 :])
    euros = rewritten(whole, metadata={"format": "x" * 39 + "€"})  # cut in the middle of a character
    assert sentence_of(euros).startswith("file: format must be mbrl_fast, got x")


def test_a_missing_tensor_and_a_number_that_is_none_are_named(small: Exported) -> None:
    name = next(name for name in load_tensors(small.problem.bytes) if name.endswith("weight"))
    assert f"tensor {name} is missing" in refitted(small, lambda tensors: tensors.pop(name))

    def poison(tensors: dict[str, Any]) -> None:
        tensors[name].flat[3] = np.nan

    assert refitted(small, poison) == f"file: tensor {name} must not hold NaN, found one at index 3"


def refitted(exported: Exported, change: Any) -> str:
    """The sentence for a file with other tensors and a checksum that fits them."""
    tensors = {name: value.copy() for name, value in load_tensors(exported.problem.bytes).items()}
    change(tensors)
    return sentence_of(to_bytes(exported.problem.graph, tensors))


def test_verify_finds_altered_weights_and_another_graph(small: Exported) -> None:
    tensors = {name: value.copy() for name, value in load_tensors(small.problem.bytes).items()}
    name = next(name for name in tensors if name.endswith("weight"))
    tensors[name] *= 1.001
    altered = mf.Problem(to_bytes(small.problem.graph, tensors))
    with pytest.raises(ValueError, match=r"^step/\w+ must agree with its test vectors within 1e-5, got a relative error of "):
        altered.verify()


def test_hostile_sizes_need_no_memory(small: Exported) -> None:
    """A few hundred bytes may not make the loader ask for gigabytes."""
    graph = json.loads(json.dumps(small.problem.graph))
    graph["state_size"] = 2**40
    assert sentence_of(to_bytes(graph, load_tensors(small.problem.bytes))).startswith("graph.state_size must be in 1..")
    huge = json.dumps({"t": {"dtype": "F32", "shape": [2**29], "data_offsets": [0, 2**31]}}).encode()
    assert "data_offsets[1] must be in 0..0" in sentence_of(len(huge).to_bytes(8, "little") + huge)
    deep = b"[" * 100000
    assert sentence_of(len(deep).to_bytes(8, "little") + deep) == "file header: JSON must be at most 32 levels deep"


def test_the_file_holds_tensors_and_text_only(small: Exported) -> None:
    """Whoever has the safetensors package can read all of it."""
    tensors = load_tensors(small.problem.bytes)
    assert all(value.dtype == np.float32 for value in tensors.values())
    assert any(re.match(r"test/step/out/reward", name) for name in tensors)
    assert small.problem.graph["dt"] == (0.2).hex()
