"""ONNX Runtime, one thread: the 125 batched model steps of a plan alone.

No planner: no noise, no reward, no elites, no refit. The actions are given and the same in every iteration. The graph is written by
hand as lean as lean PyTorch's: hidden layers in one Gemm, position columns left out. Two ways to run it: one session.run per
model step (125 calls), and 25 steps unrolled into one graph (5 calls).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.contenders import Contender, need
from bench.contenders.jax_plan import weights_of
from bench.problems import PlanningProblem

HORIZON, REPEAT, POPULATION, ITERATIONS = 5, 5, 100, 5
STEPS = HORIZON * REPEAT


def contenders(p: PlanningProblem) -> list[Contender]:
    need("onnx")
    need("onnxruntime")
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (HORIZON, POPULATION, 2)).astype(np.float32)
    start = np.repeat(p.state[None], POPULATION, 0)
    single, whole = _session(p, 1), _session(p, STEPS)
    held = [np.ascontiguousarray(actions[t // REPEAT]) for t in range(STEPS)]
    stacked = {f"u{t}": held[t] for t in range(STEPS)}

    def step_by_step() -> NDArray[np.float32]:
        for _ in range(ITERATIONS):
            x = start
            for u in held:
                x = single.run(None, {"x0": x, "u0": u})[0]
        return x

    def unrolled() -> NDArray[np.float32]:
        for _ in range(ITERATIONS):
            x = whole.run(None, {"x0": start, **stacked})[0]
        return x

    return [
        _contender(p, "ONNX Runtime, the 125 model steps alone", step_by_step, held),
        _contender(p, "ONNX Runtime, the same in graphs of 25 steps", unrolled, held),
    ]


def _contender(p: PlanningProblem, name: str, run: Callable[[], NDArray[np.float32]], held: list[NDArray[np.float32]]) -> Contender:
    def error() -> float:
        """Of the last states against the PyTorch model's."""
        x = torch.from_numpy(p.state).expand(POPULATION, -1)
        with torch.no_grad():
            for u in held:
                x = p.model(x, torch.from_numpy(u))
        return float(np.max(np.abs(run() - x.numpy())))

    return Contender(f"{name} (no planner), 1 thread", run, False, error=error)


def _session(p: PlanningProblem, steps: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(_graph(p, steps), options, providers=["CPUExecutionProvider"])


def _graph(p: PlanningProblem, steps: int) -> bytes:
    """x0 [N, 6], u0 ... [N, 2] -> the state after `steps` steps [N, 6]."""
    from onnx import TensorProto, helper, numpy_helper

    w = weights_of(p.model)
    constants = {
        "w1": w["w1"].T, "b1": w["b1"][:, 0], "wa": w["wa"].T, "ba": w["ba"][:, 0], "wb": w["wb"].T, "bb": w["bb"][:, 0],
        "dt": np.array(0.2, np.float32), "halves": np.array([64, 64]), "split": np.array([2, 4]),
        "a_shape": np.array([-1, 6, 6]), "b_shape": np.array([-1, 6, 2]), "middle": np.array([1]), "last": np.array([-1]),
    }  # fmt: skip
    nodes: list[Any] = []

    def add(operation: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        nodes.append(helper.make_node(operation, inputs, outputs, **attributes))

    for t in range(steps):
        x, u, n = f"x{t}", f"u{t}", f"_{t}"
        add("Split", [x, "split"], [f"position{n}", f"rest{n}"], axis=1)
        add("Concat", [f"rest{n}", u], [f"seen{n}"], axis=1)
        add("Gemm", [f"seen{n}", "w1", "b1"], [f"linear{n}"])
        add("Relu", [f"linear{n}"], [f"hidden{n}"])
        add("Split", [f"hidden{n}", "halves"], [f"ha{n}", f"hb{n}"], axis=1)
        for part, value in (("a", x), ("b", u)):
            add("Gemm", [f"h{part}{n}", f"w{part}", f"b{part}"], [f"flat_{part}{n}"])
            add("Reshape", [f"flat_{part}{n}", f"{part}_shape"], [f"{part}{n}"])
            add("Unsqueeze", [value, "middle"], [f"row_{part}{n}"])
            add("Mul", [f"{part}{n}", f"row_{part}{n}"], [f"terms_{part}{n}"])
            add("ReduceSum", [f"terms_{part}{n}", "last"], [f"d{part}{n}"], keepdims=0)
        add("Add", [f"da{n}", f"db{n}"], [f"change{n}"])
        add("Mul", [f"change{n}", "dt"], [f"scaled{n}"])
        add("Add", [x, f"scaled{n}"], [f"x{t + 1}"])

    def value(name: str, size: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [POPULATION, size])

    graph = helper.make_graph(
        nodes, "steps", [value("x0", 6), *(value(f"u{t}", 2) for t in range(steps))], [value(f"x{steps}", 6)],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
