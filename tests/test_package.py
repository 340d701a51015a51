"""The package as a whole: what it needs to plan, what it documents, that its numbers stay."""

from __future__ import annotations

import inspect
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mbrl_fast as mf
from mbrl_fast import _core, planners, problem

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"

PLAN_WITHOUT_TORCH = """
import sys

BLOCKED = {"torch", "safetensors", "gymnasium", "highway_env", "tyro", "rich", "matplotlib", "tqdm", "moviepy", "PIL",
           "casadi"}

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Block())
import mbrl_fast as mf

problem = mf.load(sys.argv[1])
planner = mf.CEM(problem, seed=1)
assert planner.plan([0.0] * 6, goal=[0.1] * 6).status == "ok"
problem.verify()
for name in ("export", "models"):
    try:
        getattr(mf, name)
    except ImportError as error:
        print(name, "|", error)
assert not BLOCKED & {name.split(".")[0] for name in sys.modules}
"""


def test_loading_and_planning_need_numpy_alone() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PLAN_WITHOUT_TORCH, str(GOLDEN / "lti.safetensors")]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"{name} | mbrl_fast.{name} needs torch: pip install 'mbrl-fast[train]'" for name in ("export", "models")
    ]


def test_golden_plan() -> None:
    """The numbers of a committed file and plan: the same bits wherever multiply-adds are fused."""
    golden = json.loads((GOLDEN / "plan.json").read_text())
    planner = mf.CEM(mf.load(GOLDEN / "lti.safetensors"), **golden["settings"])
    for expected in golden["plans"]:
        plan = planner.plan(golden["state"], goal=golden["goal"])
        fused = mf.build_info()["isa"] != "baseline" or platform.machine() not in ("x86_64", "AMD64")
        tolerance = 0.0 if fused else 1e-3
        np.testing.assert_allclose(plan.actions, np.array(expected["actions"], np.float32), rtol=0, atol=tolerance)
        assert plan.value == pytest.approx(expected["value"], rel=0, abs=tolerance)


def test_golden_file_verifies() -> None:
    loaded = mf.load(GOLDEN / "lti.safetensors")
    assert loaded.members == 2
    assert max(loaded.verify().values()) <= 1e-5


def public_names() -> list[tuple[str, object]]:
    """What `import mbrl_fast` offers, with the public methods of its classes."""
    found: list[tuple[str, object]] = []
    for name in mf.__all__:
        value = getattr(mf, name)
        found.append((name, value))
        if inspect.isclass(value):
            members = ((key, member) for key, member in vars(value).items() if not key.startswith("_"))
            found += [(f"{name}.{key}", member) for key, member in members if callable(member) or isinstance(member, property)]
    return found


@pytest.mark.parametrize(("name", "value"), public_names(), ids=[name for name, _ in public_names()])
def test_every_public_name_has_a_docstring(name: str, value: object) -> None:
    assert (inspect.getdoc(value) or "").strip(), f"{name} has no docstring"


@pytest.mark.parametrize("module", [mf, planners, problem, _core], ids=lambda module: module.__name__)
def test_every_module_has_a_docstring(module: object) -> None:
    assert inspect.getdoc(module)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="module 'mbrl_fast' has no attribute 'nothing'"):
        _ = mf.nothing


def test_the_version_is_one_number_everywhere() -> None:
    assert mf.__version__ == mf.build_info()["version"]
    assert f'version = "{mf.__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_type_stubs_of_the_core_are_current() -> None:
    pytest.importorskip("pybind11_stubgen")
    import stubs

    assert stubs.is_current(), "run `make stubs`"


def test_no_text_of_the_project_names_a_place_on_somebodys_machine() -> None:
    places = re.compile(r"(?<![\w.$\"'(])/(work|home|root|Users|tmp)/\w")
    suffixes = {".py", ".pyi", ".cpp", ".hpp", ".md", ".toml", ".txt", ".json", ".cff"}
    files = [
        path
        for folder in ("python", "cpp", "tests", "bench", ".")
        for path in (ROOT / folder).glob("*" if folder == "." else "**/*")
    ]
    named = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in files
        if path.suffix in suffixes and path.is_file() and "__pycache__" not in path.parts
        for match in places.finditer(path.read_text(encoding="utf-8"))
    ]
    assert named == []
