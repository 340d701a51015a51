"""What the kernels' object files hold: nothing to share between instruction sets, no stack in the hot loop.

Each kernel file is compiled with the flags of the CMake build; binutils read the result.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KERNELS = sorted(path.stem for path in (ROOT / "cpp" / "kernels").glob("*.cpp") if path.stem != "dispatch")
TOOLS = ("cmake", "ninja", "nm", "readelf", "objdump")
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # CMake and Ninja come with the environment
MISSING = [tool for tool in TOOLS if not shutil.which(tool, path=PATH)]
FUSED = [name for name in KERNELS if name not in ("baseline", "scalar")]  # with an instruction for it

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}"),
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86-64 code"),
]


def run(*command: str | Path) -> str:
    environment = {**os.environ, "PATH": PATH}
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=250, env=environment).stdout


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Kernel file -> its object, compiled by the very commands of a release build."""
    build = tmp_path_factory.mktemp("objects")
    run("cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DMBRL_FAST_PYTHON=OFF",
        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", f"-DPython_EXECUTABLE={sys.executable}")  # fmt: skip
    commands = json.loads((build / "compile_commands.json").read_text())
    found = {}
    for entry in commands:
        source = Path(entry["file"])
        if source.parent.name != "kernels" or source.stem not in KERNELS:
            continue
        target = build / f"{source.stem}.o"
        words = shlex.split(entry["command"])
        words[words.index("-o") + 1] = str(target)
        subprocess.run(words, check=True, cwd=build, timeout=250)
        found[source.stem] = target
    return found


@dataclass(frozen=True)
class Line:
    address: int
    text: str  # mnemonic and operands


def functions(path: Path) -> dict[str, list[Line]]:
    """Demangled name -> disassembly."""
    found: dict[str, list[Line]] = {}
    current: list[Line] = []
    for line in run("objdump", "--disassemble", "--demangle", "--no-show-raw-insn", path).splitlines():
        if start := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            current = found.setdefault(start[1], [])
        elif code := re.match(r"\s*([0-9a-f]+):\s+(.*)", line):
            current.append(Line(int(code[1], 16), code[2].split("#")[0].strip()))
    return found


def innermost_loops(code: list[Line]) -> list[list[Line]]:
    """The stretches between a backward jump and its target that hold no other such stretch."""
    spans = []
    for line in code:
        jump = re.match(r"j\w+\s+([0-9a-f]+)\b", line.text)
        if jump and code[0].address <= int(jump[1], 16) <= line.address:
            spans.append((int(jump[1], 16), line.address))
    inner = [a for a in spans if not any(a != b and a[0] <= b[0] and b[1] <= a[1] for b in spans)]
    return [[line for line in code if low <= line.address <= high] for low, high in inner]


def stack_operands(code: list[Line], loop: list[Line]) -> list[str]:
    """Instructions of a loop that read or write the stack; %rbp counts where it is the frame pointer."""
    frame = any(re.match(r"mov\s+%rsp,%rbp$|lea\s+\S*\(%rsp\),%rbp$", line.text) for line in code)
    pattern = r"\(%rsp|\(%rbp" if frame else r"\(%rsp"
    return [line.text for line in loop if re.search(pattern, line.text)]


def is_fma(text: str) -> bool:
    return re.match(r"vfn?m(add|sub)\d+ps\b", text) is not None


def is_multiply(text: str) -> bool:
    return is_fma(text) or re.match(r"v?mulps\b", text) is not None


@pytest.mark.parametrize("name", KERNELS)
def test_nothing_but_the_table_is_visible(objects: dict[str, Path], name: str) -> None:
    """A weak symbol is one that the linker may take from another object: an AVX copy for everybody."""
    symbols = [line.split() for line in run("nm", "--demangle", objects[name]).splitlines()]
    kinds = {" ".join(words[2:] if len(words) > 2 else words[1:]): words[1] if len(words) > 2 else words[0] for words in symbols}
    assert {symbol for symbol, kind in kinds.items() if kind in "uvVwW"} == set()
    assert {symbol for symbol, kind in kinds.items() if kind in "TDRBG"} == {f"mbrl::{name}_kernels"}
    assert {symbol for symbol, kind in kinds.items() if kind == "U"} <= {"_GLOBAL_OFFSET_TABLE_", "memcpy", "memset"}


@pytest.mark.parametrize("name", KERNELS)
def test_no_code_runs_before_main(objects: dict[str, Path], name: str) -> None:
    sections = re.findall(r"\]\s+(\.\S+)", run("readelf", "--sections", "--wide", objects[name]))
    assert ".text" in sections or any(section.startswith(".text.") for section in sections)
    assert [section for section in sections if section.startswith((".init", ".ctors", ".fini", ".dtors", ".tbss", ".tdata"))] == []


def test_the_baseline_has_no_vex_code(objects: dict[str, Path]) -> None:
    """Only SSE2: the very first x86-64 processor runs it."""
    vex, bits = r"v(?!err|erw)[a-z]", r"tzcnt|lzcnt|popcnt|pext|pdep|andn$|bextr|blsr|mulx|[sr][ha][lr]x"
    sse = r"round[ps][sd]|pmulld|pblend|blendv|dpps|pshufb|h(add|sub)p"
    names = {line.text.split()[0] for code in functions(objects["baseline"]).values() for line in code if line.text}
    assert len(names) > 50
    assert {name for name in names if re.match(f"{vex}|{bits}|{sse}", name)} == set()


@pytest.mark.parametrize("name", FUSED)
def test_the_hot_loops_keep_everything_in_registers(objects: dict[str, Path], name: str) -> None:
    """A spilled sum in the loop over k costs more than the multiply-add itself."""
    loops = [
        (function, code, loop)
        for function, code in functions(objects[name]).items()
        if "linear" in function
        for loop in innermost_loops(code)
        if any(is_fma(line.text) for line in loop)
    ]
    most = max(sum(is_fma(line.text) for line in loop) for _, _, loop in loops)
    assert most >= 12, "the tallest tile holds at least 12 sums"
    assert {function: stack_operands(code, loop) for function, code, loop in loops if stack_operands(code, loop)} == {}


def test_the_instruments_see_what_they_should(objects: dict[str, Path], tmp_path: Path) -> None:
    """A weak function, a static initialiser and a loop that spills are all found."""
    source, target = tmp_path / "bad.cpp", tmp_path / "bad.o"
    source.write_text(
        "int now(); int value = now(); inline int weak(int x) { return x + value; } int (*use)(int) = weak;\n"
        "float spill(const float* x, int n) {"
        " volatile float sum = 0; for (int i = 0; i < n; ++i) sum = sum + x[i] * x[i]; return sum; }\n"
    )
    run(os.environ.get("CXX", "c++"), "-O2", "-c", source, "-o", target)
    assert re.search(r" [WV] ", run("nm", target))
    assert re.search(r"\.init_array|\.ctors", run("readelf", "--sections", "--wide", target))
    code = next(code for function, code in functions(target).items() if function.startswith("spill"))
    assert any(stack_operands(code, loop) and any(is_multiply(line.text) or "mulss" in line.text for line in loop)
               for loop in innermost_loops(code))  # fmt: skip
