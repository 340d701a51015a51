"""A task of one's own is one file, by the recipe in CONTRIBUTING.md: it is found by its name, trains, and drives."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from mbrl_fast.recipe import make_task

pytest.importorskip("tyro")

ROOT = Path(__file__).parents[2]
RECIPE = (ROOT / "CONTRIBUTING.md").read_text().partition("**A task**")[2].partition("\n\n**")[0]
FILE = re.findall(r"```python\n(.*?)```", RECIPE, re.DOTALL)
ENVIRONMENT = '''
import gymnasium
import numpy as np


class Cart(gymnasium.Env):
    """A cart on a line, pushed: it starts somewhere and should stand in the middle."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.uniform(-1.0, 1.0, 2)
        return self.state.astype(np.float32), {}

    def step(self, action):
        position, speed = self.state
        speed = speed + 0.1 * float(action[0])
        self.state = np.array([position + 0.1 * speed, speed])
        return self.state.astype(np.float32), -float(self.state[0] ** 2), False, False, {}


gymnasium.register("Cart-v0", entry_point=Cart)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the recipe's file and its environment, from which Python imports."""
    (tmp_path / "cart.py").write_text(ENVIRONMENT)
    (tmp_path / "cart_task.py").write_text(FILE[0])
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for module in ("cart", "cart_task"):
        sys.modules.pop(module, None)
    gymnasium.registry.pop("Cart-v0", None)


def test_the_recipes_file_trains_and_drives(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mbrl_fast.cli import main

    run = str(folder / "run")
    command = ["train", "--task", "cart_task:CartTask", "--out", run, "--transitions", "300", "--members", "1", "--epochs", "20"]
    assert main(command) == 0
    capsys.readouterr()
    assert main(["evaluate", run, "--episodes", "3", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["success_rate"] == 1.0
    assert line["mean_return"] > -20


def test_python_finds_it_in_the_working_directory_and_so_do_its_workers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("joblib")
    from mbrl_fast.cli import main

    run, evaluate = str(folder / "run"), ["--episodes", "2", "--max-steps", "5", "--json"]
    assert (
        main(["train", "--task", "cart_task:CartTask", "--out", run, "--transitions", "300", "--members", "1", "--epochs", "1"])
        == 0
    )
    capsys.readouterr()
    assert main(["evaluate", run, *evaluate]) == 0
    here = json.loads(capsys.readouterr().out)
    command = [sys.executable, "-m", "mbrl_fast", "evaluate", "run", *evaluate, "--jobs", "2"]
    workers = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert workers.returncode == 0, workers.stderr
    assert json.loads(workers.stdout)["mean_return"] == here["mean_return"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere:Task", r"^the module of the task 'nowhere:Task' must be importable, there is no module 'nowhere'$"),
        ("json:Task", r"^the task 'json:Task' must be a class of its module, json has no 'Task'$"),
        ("cart", r'^task must be one of cartpole, .*, reacher, or "module:Class" of your own, got \'cart\'$'),
    ],
)
def test_a_task_that_is_not_there_is_refused_with_a_sentence(name: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make_task(name)


def test_a_module_that_is_there_and_needs_one_that_is_not_says_so_itself(folder: Path) -> None:
    (folder / "broken_task.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(ModuleNotFoundError, match="nothing_of_that_name"):
        make_task("broken_task:Task")
