"""mlpfile: the two networks as C++ that it generates (with Eigen, its fast variant), in a C++ loop over candidates and steps.

No planner: the 12,500 model steps and rewards of a plan, one candidate at a time, with given actions; no noise, no refit. The
networks are without the masked position columns. Compiled with -O3 for this machine's instruction set. Checked against PyTorch.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from bench import native
from bench.contenders import Contender, need
from bench.contenders.peer import ITERATIONS, POPULATION, REPEAT, STEPS, Peer
from bench.problems import PlanningProblem

COMPUTES = "no planner: model steps and rewards in a C++ loop, one candidate at a time"
KNOTS = STEPS // REPEAT


def peers(p: PlanningProblem) -> list[Peer]:
    mlpfile, eigen = need("mlpfile"), need("eigenpip")
    with TemporaryDirectory() as folder:
        _generate(mlpfile, p.model, Path(folder))
        # -fno-exceptions and EIGEN_NO_MALLOC as mlpfile itself compiles its code
        flags = ["-O3", "-march=native", "-fno-exceptions", "-DEIGEN_NO_MALLOC", f"-I{eigen.get_include()}", f"-I{folder}"]
        library = native.compile_library(Path(__file__).with_name("mlpfile_loop.cpp"), flags)
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (KNOTS, POPULATION, 2)).astype(np.float32)
    returns, last = np.empty(POPULATION, np.float32), np.empty((POPULATION, 6), np.float32)
    pointers = [_pointer(array) for array in (p.state, p.goal, actions)]
    answers = [_pointer(array) for array in (returns, last)]

    def plan():
        for _ in range(ITERATIONS):
            library.rollout(*pointers, KNOTS, POPULATION, REPEAT, *answers)
        return last[0, :2]

    def error() -> float:
        """Of the last states against the PyTorch model's."""
        plan()
        x = torch.from_numpy(p.state).expand(POPULATION, -1)
        with torch.no_grad():
            for t in range(STEPS):
                x = p.model(x, torch.from_numpy(actions[t // REPEAT]))
        return float(np.max(np.abs(last - x.numpy())))

    contender = Contender("mlpfile in a C++ loop, 1 thread", plan, False, error=error)
    return [Peer(contender, COMPUTES, lambda: ITERATIONS * POPULATION * STEPS, held=True)]


def _pointer(array: Any) -> Any:
    return array.ctypes.data_as(ctypes.c_void_p)


def _generate(mlpfile: Any, model: Any, folder: Path) -> None:
    """net_a.cpp and net_b.cpp: two ReLU networks 6-64-36 and 6-64-12."""
    from mlpfile.torch import write

    for name, first, second in (("net_a", model.A1, model.A2), ("net_b", model.B1, model.B2)):
        seen = nn.Linear(6, first.out_features)
        with torch.no_grad():
            seen.weight.copy_(first.weight[:, 2:])
            seen.bias.copy_(first.bias)
        write(nn.Sequential(seen, nn.ReLU(), second), folder / f"{name}.nn")
        with contextlib.redirect_stdout(io.StringIO()):  # it prints where it writes
            mlpfile.codegen(mlpfile.Model.load(str(folder / f"{name}.nn")), outdir=str(folder / name))
        (folder / name / "mlp.cpp").rename(folder / f"{name}.cpp")
