"""A Problem's dynamics as an ONNX file, for whoever runs models by ONNX Runtime, TensorRT or on a phone.

The Program of the Problem is translated, not the modules: it is a short list of operations, so that any Problem file can be
exported, PyTorch is not needed, and what is in the ONNX file is what was verified and is planned on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.onnx_operations import FLOAT, OPERATIONS, REDUCED, Graph
from mbrl_fast.problem import Problem
from mbrl_fast.tensors import write_whole

OPSET, IR_VERSION = 18, 9
TOLERANCE = 1e-5
"""Of the largest magnitude of an output over the test vectors."""


def to_onnx(problem: Problem, path: str | os.PathLike[str], outputs: Sequence[str] = ("next_state",)) -> Path:
    """Write one model step as an ONNX file, and check it by ONNX Runtime against the Problem's test vectors.

    Inputs of the graph are ``state`` [N, S], ``action`` [N, A] and what else the outputs depend on: ``noise`` [N, S],
    ``previous_action`` [N, A], ``time`` [1], run-time inputs flattened [size]. Outputs are [N, size]; of an ensemble of M
    members [M, N, size]. Any N will do.

    Args:
        problem: exported or loaded.
        path: the file, written whole or not at all.
        outputs: of the Problem's step: "next_state", and "reward", "std" and "termination" where it has them.

    Raises:
        ImportError: without onnx and onnxruntime.
        ValueError: for an output that there is not, an operation that ONNX has no counterpart of, a Problem without test vectors
            (its weights were replaced), or if ONNX Runtime computes other numbers.
    """
    onnx, runtime = _packages()
    step = problem.graph["programs"]["step"]
    if unknown := [name for name in outputs if name not in step["outputs"]]:
        raise ValueError(f"unknown output {unknown[0]!r}, this problem's step has: {', '.join(step['outputs'])}")
    model = _model(onnx, problem, step, outputs)
    onnx.checker.check_model(model, full_check=True)
    data, options = model.SerializeToString(), runtime.SessionOptions()
    options.log_severity_level = 3  # it warns of every constant that it has folded itself
    _check(runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"]), problem, outputs)
    return write_whole(path, data)


def _model(onnx: Any, problem: Problem, step: Mapping[str, Any], outputs: Sequence[str]) -> Any:
    graph, weights = Graph(), problem.tensors()
    instructions = live(step["instructions"], [row for name in outputs for row in step["outputs"][name]])
    read = {row for item in instructions for rows in item["in"] for row in rows}.union(*(step["outputs"][name] for name in outputs))
    members = [_Member(graph, problem, step, weights, read, index) for index in range(step["members"])]
    for member in members:
        for item in instructions:
            member.run(item)
    for name in outputs:
        values = [member.gather(step["outputs"][name]) for member in members]
        if len(values) > 1:
            axis = graph.constant([0], np.int64)
            values = [graph.node("Concat", *(graph.node("Unsqueeze", value, axis) for value in values), axis=0)]
        graph.nodes.append(onnx.helper.make_node("Identity", values, [name]))
    many = ["M"] if len(members) > 1 else []
    info = onnx.helper.make_tensor_value_info
    return onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "step",
            [info(name, FLOAT, ["N", size] if lane else [size]) for name, (size, lane) in members[0].inputs.items()],
            [info(name, FLOAT, [*many, "N", len(step["outputs"][name])]) for name in outputs],
            [onnx.numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mbrl_fast",
    )


def live(instructions: Sequence[Mapping[str, Any]], wanted: Iterable[int]) -> list[dict[str, Any]]:
    """Instructions cut to the rows that the wanted ones depend on: dynamics without the reward that shares the Program."""
    alive, result = set(wanted), []
    for item in reversed(instructions):
        keep = [i for i, row in enumerate(item["out"]) if row in alive]
        if not keep:
            continue
        inputs = item["in"]
        if item["op"] != "linear":  # every output of a linear reads all of its inputs
            inputs = [np.reshape(rows, (len(item["out"]), -1))[keep].reshape(-1).tolist() for rows in inputs]
        alive.update(row for rows in inputs for row in rows)
        result.append({**item, "in": inputs, "out": [item["out"][i] for i in keep], "keep": keep})
    return result[::-1]


class _Member:
    """Translates a Program with the weights of one member: where each row is, and what the graph's inputs are."""

    def __init__(
        self, graph: Graph, problem: Problem, step: Mapping[str, Any], weights: Mapping[str, NDArray[np.float32]],
        read: set[int], index: int,
    ) -> None:  # fmt: skip
        self.graph, self.weights, self.index = graph, weights, index
        self.at: dict[int, tuple[str, int]] = {}  # row -> the value that it is a column of, and which column
        self.widths: dict[str, int] = {}
        self.inputs = {"state": (problem.state_size, True), "action": (problem.action_size, True)}
        first = graph.constant([0], np.int64), graph.constant([1], np.int64)
        count = graph.node("Slice", graph.node("Shape", "state"), *first)
        self._batch = graph.node("Concat", count, graph.constant([1], np.int64), axis=0)  # [N, 1], the shape
        row = step["constants"]
        if row:
            self._define(range(row), self._repeated(graph.constant(self._own("step/constants")[None])))
        for name, size, kind in step["arguments"]:
            rows, row = range(row, row + size), row + size
            if read.isdisjoint(rows):
                continue
            self.inputs[name] = (size, kind == "lane")
            self._define(rows, name if kind == "lane" else self._repeated(name))

    def _repeated(self, value: str) -> str:
        """[size] or [1, size] -> [N, size]."""
        return self.graph.node("Expand", value, self._batch)

    def _own(self, name: str) -> NDArray[np.float32]:
        """This member's part of a tensor [M or 1, ...]."""
        array = self.weights[name]
        own: NDArray[np.float32] = array[self.index if len(array) > 1 else 0]
        return own

    def _define(self, rows: Sequence[int], value: str) -> None:
        self.widths[value] = len(rows)
        self.at.update({row: (value, column) for column, row in enumerate(rows)})

    def gather(self, rows: Sequence[int]) -> str:
        """The value [N, n] whose columns are these rows."""
        values = list(dict.fromkeys(self.at[row][0] for row in rows))
        widths = [self.widths[value] for value in values]
        begins = dict(zip(values, np.cumsum([0, *widths[:-1]]).tolist(), strict=True))
        columns = [begins[value] + column for value, column in (self.at[row] for row in rows)]
        whole = self.graph.node("Concat", *values, axis=1) if len(values) > 1 else values[0]
        if columns == list(range(sum(widths))):
            return whole
        return self.graph.node("Gather", whole, self.graph.constant(columns, np.int64), axis=1)

    def run(self, item: Mapping[str, Any]) -> None:
        """Translate one instruction."""
        op, graph, keep = item["op"], self.graph, item["keep"]
        operands = [self.gather(rows) for rows in item["in"]]
        if op == "linear":
            weight, bias = (graph.constant(self._own(item[name])[keep]) for name in ("weight", "bias"))
            result = graph.node("Gemm", *operands, weight, bias, transB=1)
            result = graph.node("Relu", result) if item["activation"] == "relu" else result
        elif op in OPERATIONS:
            if split := REDUCED.get(op, 0):
                shape = graph.constant([-1, len(keep), len(item["in"][0]) // len(keep)], np.int64)
                operands[:split] = [graph.node("Reshape", operand, shape) for operand in operands[:split]]
            result = OPERATIONS[op](graph, *operands)
        else:
            raise ValueError(f"the operation {op} of this problem has no counterpart in ONNX")
        self._define(item["out"], result)


def _check(session: Any, problem: Problem, outputs: Sequence[str]) -> None:
    """Raises unless ONNX Runtime gives the test vectors' outputs."""
    vectors = problem._core.test_vectors
    if not vectors:
        raise ValueError("this problem carries no test vectors, as its weights were replaced: export it anew")
    given = {item.name: vectors.get(f"test/step/in/{item.name}") for item in session.get_inputs()}
    lanes = len(vectors[f"test/step/out/{outputs[0]}"][0])
    sizes = {"state": problem.state_size, "action": problem.action_size}
    given = {name: np.zeros((lanes, sizes[name]), np.float32) if value is None else value for name, value in given.items()}
    for name, value in zip(outputs, session.run(list(outputs), given), strict=True):
        expected = vectors[f"test/step/out/{name}"]
        finite = np.isfinite(expected)
        scale = max(float(np.abs(expected[finite]).max(initial=0.0)), 1e-30)
        got = value.reshape(expected.shape)
        same = (got == expected) | (np.isnan(got) & np.isnan(expected))
        with np.errstate(invalid="ignore"):
            error = float(np.where(same, 0.0, np.abs(got - expected)).max(initial=0.0)) / scale
        if not error <= TOLERANCE:
            raise ValueError(f"{name} must agree with its test vectors within {TOLERANCE:g}, and ONNX Runtime is {error:.3g} off")


def _packages() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise ImportError(f'ONNX files need {error.name}: pip install "mbrl-fast[onnx]"') from None
    return onnx, onnxruntime
