"""Every rule of the loader has a malformed file, every malformed file its sentence, and none needs much time or memory."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from malformed import malformed
from problem_file import everything, line, variant
from sentences import SENTENCES

from mbrl_fast import _core

ROOT = Path(__file__).parents[2]
LOADER = ("problem/safetensors", "problem/json", "problem/file", "problem/problem", "program/program")
SOURCES = [ROOT / "cpp" / f"{path}.cpp" for path in LOADER]
FILES = malformed()
# Rules that are not about a file: of swapping weights, tested in tests/cpp/test_file.cpp and test_program.cpp.
NOT_LOADING = {"new weights must come with the same graph: ", ": new weights must have the shapes of the old ones"}


def sentence_of(data: bytes) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        _core.Problem(data)
    return str(caught.value)


def test_the_bases_are_valid() -> None:
    assert _core.Problem(everything().bytes()).members == 2
    assert _core.Problem(variant().bytes()).members == 2
    assert _core.Problem(line().bytes()).members == 1


def test_every_malformed_file_has_a_sentence() -> None:
    assert set(FILES) == set(SENTENCES)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_malformed_file_is_refused_with_its_sentence(name: str) -> None:
    got, expected = sentence_of(FILES[name]), SENTENCES[name]
    assert got.startswith(expected) if expected.endswith(("(", " ")) else got == expected


def calls(source: str) -> list[list[str]]:
    """Arguments of every check(...) and fail(...) in a C++ source, comments left out."""
    source = re.sub(r'//[^\n"]*(?="[^"\n]*"[^"\n]*\n|\n)', "", source)
    found = []
    for match in re.finditer(r"(?<![\w.])(check|fail)\(", source):
        arguments, depth, current, at = [], 1, "", match.end()
        while depth:
            token = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'|.', re.DOTALL).match(source, at)
            assert token
            at = token.end()
            depth += (token[0] in "([{") - (token[0] in ")]}") if len(token[0]) == 1 else 0
            if depth == 0 or (depth == 1 and token[0] == ","):
                arguments.append(current.strip())
                current = ""
            else:
                current += token[0]
        found.append(arguments[1:] if match[1] == "check" else arguments)
    return found


def pattern(parts: list[str]) -> str:
    """The sentence of a call as a regular expression: its literals, and anything between them."""
    pieces = []
    for part in parts:
        literals = re.findall(r'"((?:\\.|[^"\\])*)"', part)
        is_text = literals and not re.sub(r'"(?:\\.|[^"\\])*"|\s', "", part)
        pieces.append(re.escape("".join(literals).replace('\\"', '"')) if is_text else ".*")
    return "".join(pieces)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_rule_in_the_sources_has_a_malformed_file(path: Path) -> None:
    sentences = [sentence_of(data) for data in FILES.values()]
    rules = [pattern(parts) for parts in calls(path.read_text())]
    assert len(rules) >= 5, "the sources are no longer read as they are written"
    exempt = [rule for rule in rules if any(re.escape(known) in rule for known in NOT_LOADING)]
    missing = [rule for rule in rules if rule not in exempt and not any(re.fullmatch(rule, sentence) for sentence in sentences)]
    assert missing == []


# Loads one file in a process of its own and prints by how many bytes the peak of its memory grew.
MEASURE = """
import resource, sys
from mbrl_fast import _core
data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    _core.Problem(data)
except ValueError:
    pass
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""
MEGA = 1 << 20


def hostile() -> dict[str, tuple[bytes, int]]:
    """Files that ask for much: name -> (bytes, most bytes that loading may take)."""
    from malformed import container, one_tensor

    large = everything()
    large.tensors["test/large"] = [0.0] * (4 * MEGA)
    rows = everything()
    for index in range(4):  # more programs are refused
        rows.graph["programs"][f"p{index}"] = {
            "members": 1, "constants": 0, "arguments": [["goal", MEGA, "lane"]], "prologue": 0, "instructions": [], "outputs": {},
        }  # fmt: skip
    return {
        "weights repeated too often": (FILES["weights repeated too often"], 64 * MEGA),
        "too many rows": (FILES["too many rows"], 32 * MEGA),
        "too many elements": (FILES["too many elements"], MEGA),
        "claims gigabytes": (one_tensor('{"dtype": "F32", "shape": [536870912], "data_offsets": [0, 2147483648]}'), MEGA),
        "claims a large header": (b"\xff\xff\x7f\0\0\0\0\0", MEGA),
        "rows in every program": (rows.bytes(), 96 * MEGA),
        "empty lists": (container("[" + "[]," * (2 * MEGA) + "[]]"), 400 * MEGA),
        "large tensor": (large.bytes(), 2 * len(large.bytes()) + 8 * MEGA),
    }


@pytest.mark.parametrize("name", sorted(hostile()))
def test_loading_takes_bounded_memory(name: str, tmp_path: Path) -> None:
    data, bound = hostile()[name]
    path = tmp_path / "file"
    path.write_bytes(data)
    measured = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True, timeout=60)
    assert int(measured.stdout) <= bound
