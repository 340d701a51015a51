"""ONNX export: every operation of the core, every kind of Problem, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import mbrl_fast as mf
from conftest import Exported
from mbrl_fast import _core
from mbrl_fast.models import Gaussian
from mbrl_fast.onnx_io import to_onnx
from mbrl_fast.onnx_operations import FLOAT, OPERATIONS, REDUCED, Graph

NUMBERS = np.array([-2.5, -1.5, -0.7, -1e-4, 0.0, 3e-5, 0.5, 0.9, 1.0, 1.5, 2.0, 2.5], np.float32)
DOMAINS = {"sqrt": (0, 9), "log": (1e-9, 9), "log1p": (-0.9, 9), "asin": (-1, 1), "acos": (-1, 1), "pow": (0.1, 3)}
TERMS = 3


def session(source: Path | bytes) -> Any:
    return onnxruntime.InferenceSession(source if isinstance(source, bytes) else str(source), providers=["CPUExecutionProvider"])


def operands(op: str, arity: int, terms: int) -> list[np.ndarray]:
    """[arity][terms, lanes] in the operation's domain, every pair of the numbers above among them."""
    low, high = DOMAINS.get(op, (-np.inf, np.inf))
    numbers = NUMBERS[(low <= NUMBERS) & (high >= NUMBERS)]
    generator = np.random.default_rng(0)
    pairs = np.stack([axis.ravel() for axis in np.meshgrid(numbers, numbers)])
    rest = [generator.permutation(pairs[i % 2]) for i in range(max(0, arity * terms - 2))]
    return list(np.stack([*pairs, *rest])[: arity * terms].reshape(arity, terms, -1))


@pytest.mark.parametrize("row", [row for row in _core.op_table() if row["name"] != "linear"], ids=lambda row: row["name"])
def test_every_operation_of_the_core_means_the_same_in_onnx(row: dict[str, Any]) -> None:
    op, arity = row["name"], row["arity"]
    values = operands(op, arity, TERMS if op in REDUCED else 1)
    graph, names = Graph(), [f"operand{i}" for i in range(arity)]
    shape = [None, 1, TERMS] if op in REDUCED else [None, 1]
    result = OPERATIONS[op](graph, *names)
    info = onnx.helper.make_tensor_value_info
    body = onnx.helper.make_graph(
        graph.nodes, op, [info(name, FLOAT, shape) for name in names], [info(result, FLOAT, [None, 1])],
        [onnx.numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )  # fmt: skip
    model = onnx.helper.make_model(body, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    given = {name: value.T.reshape([-1, *shape[1:]]) for name, value in zip(names, values, strict=True)}
    (got,) = session(model.SerializeToString()).run(None, given)
    expected = np.asarray(_core.evaluate_op(op, values, 1))
    np.testing.assert_allclose(got[:, 0], expected[0], rtol=1e-5, atol=1e-7)


def test_the_table_has_no_operation_that_the_core_has_not() -> None:
    assert {*OPERATIONS, "linear"} == {row["name"] for row in _core.op_table()}


def test_one_network_takes_any_number_of_states(small: Exported, tmp_path: Path) -> None:
    file = session(to_onnx(small.problem, tmp_path / "lti.onnx"))
    assert [item.name for item in file.get_inputs()] == ["state", "action"]
    generator = np.random.default_rng(3)
    for count in (1, 50):
        states, actions = (generator.standard_normal((count, size)).astype(np.float32) for size in (6, 2))
        (next_states,) = file.run(None, {"state": states, "action": actions})
        np.testing.assert_allclose(next_states, small.problem.step(states, actions, goal=np.zeros(6))[0], atol=1e-6)


def test_an_ensemble_gives_every_members_next_state(ensemble: Exported, tmp_path: Path) -> None:
    file = session(to_onnx(ensemble.problem, tmp_path / "ensemble.onnx", outputs=("next_state", "reward")))
    generator = np.random.default_rng(4)
    states, actions = (generator.standard_normal((7, size)).astype(np.float32) for size in (6, 2))
    goal = generator.standard_normal(6).astype(np.float32)
    next_states, rewards = file.run(None, {"state": states, "action": actions, "goal": goal})
    for member in range(3):
        ours = ensemble.problem.step(states, actions, member=member, goal=goal)
        np.testing.assert_allclose(next_states[member], ours[0], atol=1e-6)
        np.testing.assert_allclose(rewards[member][:, 0], ours[1], atol=1e-5)


def test_a_stochastic_model_takes_its_noise(tmp_path: Path) -> None:
    problem = mf.export(
        Gaussian(3, 1, hidden_sizes=(8,), angles=(0,)), None, state_size=3, action_size=1, action_low=-1, action_high=1, dt=0.1
    )
    file = session(to_onnx(problem, tmp_path / "gaussian.onnx", outputs=("next_state", "std")))
    zeros = {"state": np.zeros((1, 3), np.float32), "action": np.zeros((1, 1), np.float32)}
    still, std = file.run(None, {**zeros, "noise": np.zeros((1, 3), np.float32)})
    moved, _ = file.run(None, {**zeros, "noise": np.ones((1, 3), np.float32)})
    np.testing.assert_allclose(moved - still, std, rtol=1e-5)


def test_all_that_a_step_has_is_exported(everything: mf.Problem, tmp_path: Path) -> None:
    file = session(to_onnx(everything, tmp_path / "all.onnx", outputs=("next_state", "reward", "termination")))
    assert {item.name: item.shape[-1] for item in file.get_inputs()} == {
        "state": 2, "action": 1, "previous_action": 1, "time": 1, "goal": 1, "wind": 1,
    }  # fmt: skip


def test_the_file_holds_no_more_than_it_needs(everything: mf.Problem, tmp_path: Path) -> None:
    graph = onnx.load(to_onnx(everything, tmp_path / "all.onnx")).graph
    assert [item.name for item in graph.input] == ["state", "action"]
    assert {item.name for item in graph.initializer} <= {name for node in graph.node for name in node.input}


def test_what_cannot_be_exported_is_refused_and_nothing_is_written(
    small: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"^unknown output 'std', this problem's step has: next_state, reward$"):
        to_onnx(small.problem, tmp_path / "x.onnx", outputs=("std",))
    changed = mf.Problem(small.problem.bytes)
    changed.update_weights({name: value * 2 for name, value in changed.tensors().items()})
    with pytest.raises(ValueError, match=r"^this problem carries no test vectors, as its weights were replaced: export it anew$"):
        to_onnx(changed, tmp_path / "x.onnx")
    op = next(item["op"] for item in small.problem.graph["programs"]["step"]["instructions"] if item["op"] != "linear")
    monkeypatch.delitem(OPERATIONS, op)
    with pytest.raises(ValueError, match=rf"^the operation {op} of this problem has no counterpart in ONNX$"):
        to_onnx(small.problem, tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_other_numbers_than_the_test_vectors_are_noticed(small: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = OPERATIONS["dot"]
    monkeypatch.setitem(OPERATIONS, "dot", lambda graph, *values: graph.node("Neg", right(graph, *values)))
    with pytest.raises(ValueError, match=r"^next_state must agree with its test vectors within 1e-05, and ONNX Runtime is .* off$"):
        to_onnx(small.problem, tmp_path / "x.onnx")


def test_without_onnx_the_extra_is_named(small: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r'^ONNX files need onnxruntime: pip install "mbrl-fast\[onnx\]"$'):
        to_onnx(small.problem, tmp_path / "x.onnx")
