"""The file: safetensors that others can read, equal bytes for equal Problems, test vectors, a checksum."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
import torch
from exporting import Linear, NotebookDynamics, drift, export
from interpreter import Interpreter
from safetensors.numpy import load

from mbrl_fast import _core
from mbrl_fast.export import build
from mbrl_fast.export.program import Instruction, Program
from mbrl_fast.export.verify import TOLERANCE, verify


def test_the_safetensors_package_reads_the_file() -> None:
    data = export(NotebookDynamics()).bytes
    tensors = load(data)
    assert tensors["step/0.weight"].shape == (1, 64, 6)
    assert {"test/step/in/state", "test/step/in/action", "test/step/out/next_state"} <= set(tensors)
    assert all(tensor.dtype == np.float32 for tensor in tensors.values())


def test_equal_modules_give_equal_bytes() -> None:
    module = NotebookDynamics()
    assert export(module).bytes == export(module).bytes


def test_the_checksum_is_of_the_tensor_bytes() -> None:
    data = export(Linear()).bytes
    start = 8 + int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8:start])["__metadata__"]
    assert metadata["crc32"] == f"{zlib.crc32(data[start:]):08x}"
    assert (metadata["format"], metadata["version"]) == ("mbrl_fast", "1")


def test_scalars_are_hex_floats_and_names_are_kept() -> None:
    problem = export(drift, state_names=list("abcdef"), action_units=["m/s²", "rad"])
    assert float.fromhex(problem.graph["dt"]) == 0.2
    assert [float.fromhex(value) for value in problem.graph["action_low"]] == [-1.0, -1.0]
    assert problem.graph["state_names"] == list("abcdef")
    assert problem.graph["action_units"] == ["m/s²", "rad"]
    assert problem.graph["state_units"] == []


def test_test_vectors_replay() -> None:
    errors = export([Linear(), Linear()], lambda state: state.sum(-1)).verify()
    assert set(errors) == {"step/next_state", "step/reward"}
    assert max(errors.values()) <= TOLERANCE


def test_verification_names_the_output_that_is_wrong() -> None:
    from mbrl_fast.export.assemble import bind_all

    problem = export(Linear())
    assert problem._spec is not None
    bounds = bind_all(problem._spec)

    def wrong(program: str, arguments: dict[str, np.ndarray], member: int) -> dict[str, np.ndarray]:
        outputs = _core.Problem(problem.bytes).evaluate(program, arguments, member)
        outputs["next_state"][0, 3] += 1e-3
        return outputs

    with pytest.raises(RuntimeError, match=r"next_state of step differs .* for 1 of 1 candidates: largest error 0.001"):
        verify(problem.bytes, problem._spec, bounds, problem.graph, wrong)


def test_a_jump_of_the_module_is_no_failure_of_the_verification() -> None:
    """floor at a multiple of the rounding: float32 and float64 may fall on different sides."""
    problem = export(lambda state, action: torch.floor(state * 1e6) * 1e-3)
    assert problem.members == 1


def test_nothing_is_lost_without_the_check() -> None:
    problem = export(Linear())
    assert problem._spec is not None
    assert build(problem._spec, check=False) == problem.bytes


def test_members_of_a_program_follow_its_tensors() -> None:
    rows = np.arange(2)
    linear = Instruction("linear", [rows], rows + 2, np.zeros((3, 2, 2), np.float32), np.zeros((3, 2), np.float32))
    program = Program(np.zeros((1, 0), np.float32), [], 0, [linear], {"next_state": rows + 2})
    graph, tensors = program.to_json("step")
    assert graph["members"] == 3
    assert set(tensors) == {"step/0.weight", "step/1.bias"}


def test_the_interpreter_knows_every_operation_of_the_core() -> None:
    names = {item["name"] for item in _core.op_table()}
    from interpreter import MAPS, REDUCTIONS

    assert names == set(MAPS) | set(REDUCTIONS) | {"dot", "linear"}
    assert Interpreter(export(drift).bytes).graph["members"] == 1
