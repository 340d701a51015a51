"""Against the safetensors package: whatever it refuses, we refuse. Mutations aim at the header and keep our checksum right."""

from __future__ import annotations

import json
import random
import zlib
from typing import Any

import pytest
import safetensors
from hypothesis import example, given, settings
from hypothesis import strategies as st
from malformed import malformed
from problem_file import container, everything, line, variant

from mbrl_fast import _core

VALID = [everything().bytes(), line().bytes(), variant().bytes()]
# What readers of JSON and of safetensors are known to disagree on.
SNIPPETS = [
    b"\xef\xbb\xbf", b" ", b"\n", b"\t", b"\0", b"-0", b"0.0", b"1e0", b"01", b"+1", b"18446744073709551616", b"-1", b"null",
    b"NaN", b"Infinity", b"true", b"[]", b"{}", b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"/**/", b"//\n", b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"'", b"F32", b"F16", b"F4", b'"dtype":"F32",', b'"shape":[1],',
    b'"data_offsets":[0,4],',
    b'"x":1,', b'"__metadata__":{},', b'"__metadata__":null,',
]  # fmt: skip


def ours(data: bytes) -> bool:
    try:
        _core.Problem(data)
    except ValueError:
        return False
    return True


def theirs(data: bytes) -> bool:
    try:
        safetensors.deserialize(data)
    except safetensors.SafetensorError:
        return False
    return True


def parts_of(data: bytes) -> tuple[bytes, bytes]:
    size = 8 + int.from_bytes(data[:8], "little")
    return data[8:size], data[size:]


def never_accept_what_they_refuse(data: bytes) -> bool:
    """Asserts it, and tells whether we accepted."""
    accepted = ours(data)
    assert theirs(data) or not accepted, data
    return accepted


def altered_text(random_: random.Random, header: bytes) -> bytes:
    """Bytes of the header replaced, taken out, doubled, or a snippet put in."""
    at = random_.randrange(len(header) + 1)
    end = min(len(header), at + random_.choice([0, 0, 1, 1, 2, 8]))
    new = random_.choice([random_.choice(SNIPPETS), header[at:end] * 2, bytes([random_.randrange(256)]), b""])
    return header[:at] + new + header[end:]


def altered_numbers(random_: random.Random, header: dict[str, Any], data: bytes) -> tuple[bytes, bytes]:
    """Another shape, type, extent or order of tensors, with the checksum of the data that results."""
    name = random_.choice([key for key in header if key != "__metadata__"])
    tensor = header[name]
    numbers = random_.choice([tensor["shape"], tensor["data_offsets"]])
    if numbers:
        index = random_.randrange(len(numbers))
        numbers[index] = random_.choice(
            [numbers[index] + random_.choice([-4, -1, 1, 4]), 0, 1, -1, 1 << 31, 1 << 61, 1 << 63, 0.5, "1", None]
        )
    if random_.random() < 0.3:
        numbers.append(random_.choice([0, 1, 2]))
    if random_.random() < 0.2:
        header[name + "x"] = dict(tensor)
    if random_.random() < 0.1:
        tensor["dtype"] = random_.choice(["F16", "I32", "BOOL", "f32", "", None, "U64"])
    if random_.random() < 0.2:
        data = data + bytes(4) if random_.random() < 0.5 else data[:-4]
    header["__metadata__"]["crc32"] = f"{zlib.crc32(data):08x}"
    return json.dumps(header).encode(), data


@pytest.mark.parametrize("valid", VALID, ids=["everything", "line", "variant"])
def test_both_accept_the_valid_files(valid: bytes) -> None:
    assert ours(valid)
    assert theirs(valid)


def test_malformed_files() -> None:
    for data in malformed().values():
        assert not never_accept_what_they_refuse(data)


def test_altered_header_text() -> None:
    random_ = random.Random(1)
    accepted = 0
    for index in range(6000):
        header, data = parts_of(VALID[index % 3])
        for _ in range(random_.choice([1, 1, 2, 3])):
            header = altered_text(random_, header)
        accepted += never_accept_what_they_refuse(container(header, data))
    assert accepted > 20  # white space, a digit, a letter of a name that is not used


def test_altered_sizes_with_a_checksum_that_fits() -> None:
    random_ = random.Random(2)
    for _ in range(3000):
        header, data = parts_of(VALID[0])
        never_accept_what_they_refuse(container(*altered_numbers(random_, json.loads(header), data)))


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippets_between_all_tokens(snippet: bytes) -> None:
    header, data = parts_of(VALID[1])
    for at in range(min(len(header), 400)):
        never_accept_what_they_refuse(container(header[:at] + snippet + header[at:], data))


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippets_around_the_header(snippet: bytes) -> None:
    header, data = parts_of(VALID[0])
    for text in (snippet + header, header + snippet, snippet + header + snippet):
        never_accept_what_they_refuse(container(text, data))


@settings(max_examples=300, deadline=None)
@given(length=st.integers(0, 1 << 64), text=st.binary(max_size=64))
@example(length=2, text=b"{}")
def test_lengths_of_the_header(length: int, text: bytes) -> None:
    never_accept_what_they_refuse((length & ((1 << 64) - 1)).to_bytes(8, "little") + text)
