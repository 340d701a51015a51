"""Without Python: what `cmake --install` gives, programs that use it, and that the core neither prints nor exits."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mbrl_fast as mf

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CART = ROOT / "examples" / "embed" / "cart.safetensors"
BESIDE_PYTHON = Path(sys.executable).parent
LIBRARIES = ["mbrl_fast_core", "mbrl_fast_c"]


def tool(name: str) -> str:
    """A program of this environment, else of the system."""
    found = shutil.which(name, path=str(BESIDE_PYTHON)) or shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name}")
    return found


def run(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def build_folder() -> Path:
    """The build that made this Python module, if it lies here; else one of the libraries alone."""
    archives = sorted(ROOT.glob("build/*/libmbrl_fast.a"), key=lambda archive: archive.stat().st_mtime, reverse=True)
    caches = [archive.with_name("CMakeCache.txt") for archive in archives]  # the last one built needs no more building
    for cache in caches:
        text = cache.read_text(errors="replace")
        if "MBRL_FAST_PYTHON:BOOL=ON" in text and f"CMAKE_HOME_DIRECTORY:INTERNAL={ROOT}\n" in text:
            return cache.parent
    folder = ROOT / "build" / "embed"
    run(tool("cmake"), "-S", ROOT, "-B", folder, "-DMBRL_FAST_PYTHON=OFF", f"-DPython_EXECUTABLE={sys.executable}")
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `cmake --install` put the libraries, headers and CMake package; the folder that holds `include` and `lib`."""
    prefix = tmp_path_factory.mktemp("installed")
    build = build_folder()
    run(tool("cmake"), "--build", build, "--target", *LIBRARIES)
    run(tool("cmake"), "--install", build, "--prefix", prefix, "--component", "development")
    (config,) = prefix.rglob("mbrl_fastConfig.cmake")
    return config.parents[3]


def compiled(source: Path, to: Path, installed: Path, compiler: str, *flags: str) -> Path:
    """A consumer of the C API, built by hand: no CMake, only -I and -l."""
    lib = installed / "lib"
    run(tool(compiler), "-Wall", "-Wextra", "-Werror", "-pedantic", *flags, "-I", installed / "include", source,
        "-o", to, "-L", lib, "-lmbrl_fast_c", f"-Wl,-rpath,{lib}")  # fmt: skip
    return to


def built(example: str, to: Path, installed: Path) -> Path:
    """An example, configured by find_package against what was installed."""
    run(tool("cmake"), "-S", ROOT / "examples" / example, "-B", to, f"-DCMAKE_PREFIX_PATH={installed.parent};{installed}")
    run(tool("cmake"), "--build", to)
    assert f"mbrl_fast_DIR:PATH={installed}" in (to / "CMakeCache.txt").read_text()
    return to


def test_the_shared_library_shows_the_names_of_its_header_and_no_others(installed: Path) -> None:
    header = (installed / "include" / "mbrl_fast" / "mbrl_fast.h").read_text()
    declared = set(re.findall(r"^MBRL_API .*?(mbrl_\w+)\(", header, re.MULTILINE))
    shown = run(tool("nm"), "-D", "--defined-only", installed / "lib" / "libmbrl_fast_c.so")
    assert {line.split()[-1] for line in shown.splitlines()} == declared
    assert len(declared) >= 20


def test_the_python_module_shows_its_entry_point_alone() -> None:
    shown = run(tool("nm"), "-D", "--defined-only", mf._core.__file__)
    assert {line.split()[-1] for line in shown.splitlines()} == {"PyInit__core"}


def test_public_headers_need_each_other_and_the_standard_library_alone(installed: Path, tmp_path: Path) -> None:
    include = installed / "include"
    headers = sorted(str(header.relative_to(include)) for header in include.rglob("*.h*"))
    assert {"mbrl_fast/mbrl_fast.h", "mbrl_fast/mbrl_fast.hpp", "mbrl_fast/controller/controller.hpp"} <= set(headers)
    for header in headers:
        for quoted in re.findall(r'#include "([^"]+)"', (include / header).read_text()):
            assert quoted in headers, f"{header} includes {quoted}, which is not installed"
    (tmp_path / "all.cpp").write_text("".join(f"#include <{header}>\n" for header in headers))
    run(
        tool("g++"), "-std=c++20", "-Wall", "-Wextra", "-Wno-psabi", "-Werror", "-fsyntax-only", "-I", include, tmp_path / "all.cpp"
    )


def test_a_c_program_plans_the_same_bits_as_python(installed: Path, tmp_path: Path) -> None:
    program = compiled(HERE / "consumer.c", tmp_path / "consumer", installed, "gcc", "-std=c11")
    sentence, *lines = run(program, CART).splitlines()
    assert sentence == "input 'goal' is missing, it has 2 numbers"
    planner = mf.CEM(mf.load(CART), horizon=6, steps_per_knot=2, population=80, seed=11)
    for line in lines:
        plan = planner.plan([0.25, -0.5], goal=[1, 0])
        numbers = np.array([float.fromhex(word) for word in line.split()[:-1]], np.float32)
        np.testing.assert_array_equal(numbers, np.append(plan.actions.ravel(), np.float32(plan.value)))
    assert len(lines) == 3


def test_a_program_without_exceptions_plans(installed: Path, tmp_path: Path) -> None:
    flags = ("-std=c++11", "-fno-exceptions", "-fno-rtti")
    run(compiled(HERE / "consumer.cpp", tmp_path / "consumer", installed, "g++", *flags), CART)


def test_the_embedded_example_controls_at_100_hz(installed: Path, tmp_path: Path) -> None:
    assert len((ROOT / "examples" / "embed" / "main.cpp").read_text().splitlines()) <= 80
    printed = run(built("embed", tmp_path, installed) / "embed", CART, 2)
    shown = {key: float(value) for key, value in re.findall(r"^(\D+?) {2,}([\d.]+)", printed, re.MULTILINE)}
    assert 50 < shown["control rate"] < 110, printed
    assert shown["plans"] >= 5, printed
    assert shown["missed deadlines"] <= shown["plans"], printed
    assert shown["distance to goal"] < 0.5, printed


def test_the_ros2_node_compiles_against_stubs(installed: Path, tmp_path: Path) -> None:
    source = (ROOT / "examples" / "ros2" / "controller_node.cpp").read_text()
    assert len(source.splitlines()) <= 120
    assert "Compiled against stubs, not run in ROS." in source
    built("ros2", tmp_path, installed)


def test_the_committed_problem_of_the_example_is_what_its_script_exports() -> None:
    cart = mf.load(CART)
    assert (cart.state_size, cart.action_size, cart.dt) == (2, 1, 0.05)
    assert max(cart.verify().values()) <= 1e-5


def test_cmakedir_names_the_folder_or_says_why_there_is_none() -> None:
    command = [sys.executable, "-m", "mbrl_fast", "--cmakedir"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=None)
    folder = Path(mf._core.__file__).parent / "lib" / "cmake" / "mbrl_fast"
    if folder.is_dir():
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, str(folder), "")
        assert (folder / "mbrl_fastConfig.cmake").is_file()
        assert (folder.parents[2] / "include" / "mbrl_fast" / "mbrl_fast.h").is_file()
    else:
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("mbrl-fast: this build of mbrl_fast came without its C++ library")


LEAVES = re.compile(r"\b(exit|_exit|quick_exit|abort|terminate|printf|fprintf|puts|perror|assert)\s*\(|\b(cout|cerr|clog)\b")


def test_the_core_neither_prints_nor_exits() -> None:
    sources = [path for path in (ROOT / "cpp").rglob("*.[ch]pp") if "bindings" not in path.parts]
    assert len(sources) > 30
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sources
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if LEAVES.search(line.split("//")[0])
    ]
    assert found == []
