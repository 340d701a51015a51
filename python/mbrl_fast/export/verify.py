"""Compares a Problem with the modules it was made of, evaluated in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .bind import Bound, shape_of
from .program import FloatArray
from .spec import ExportSpec
from .trace import on_cpu, tracing
from .values import BATCH

TOLERANCE = 1e-5
"""Of the largest magnitude of an output over the batch."""

Arrays = dict[str, NDArray[np.float64]]
Evaluate = Callable[[str, dict[str, FloatArray], int], Mapping[str, NDArray[np.floating]]]
_SLOT_OF = {"terminal_value": "value", "observe": "state", "policy": "action"}


class Oracle:
    """The modules in float64: `oracle(program, arguments, member)` gives what the Program should."""

    def __init__(self, spec: ExportSpec, bounds: Mapping[str, Bound]) -> None:
        self._spec = spec
        self._bounds = bounds
        self._double = {name: [_double(module) for module in bound.modules] for name, bound in bounds.items()}

    def __call__(self, program: str, arguments: Arrays, member: int) -> Arrays:
        """Outputs `[N, size]` of arguments `[N, size]` (uniform: `[size]`)."""
        given = {name: torch.from_numpy(np.array(value, np.float64)) for name, value in arguments.items()}
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            with tracing():
                outputs = self._step(given, member) if program == "step" else {_SLOT_OF[program]: self._call(program, given, 0)[0]}
        finally:
            torch.set_default_dtype(default)
        return {name: value.detach().double().reshape(len(value), -1).numpy() for name, value in outputs.items()}

    def _step(self, given: dict[str, Tensor], member: int) -> dict[str, Tensor]:
        results = self._call("dynamics", given, member)
        outputs = {"next_state": results[0]}
        if self._bounds["dynamics"].kind != "tensor":
            std = results[1]
            if self._bounds["dynamics"].kind == "tril":
                std = std.diagonal(dim1=-2, dim2=-1)
            outputs["std"] = std.expand_as(results[0])
            outputs["next_state"] = results[0] + std * given["noise"]
        after = given | {"next_state": outputs["next_state"]}
        if "reward" in self._bounds:
            outputs["reward"] = self._call("reward", after, 0)[0]
        if "termination" in self._bounds:
            if "next_state" not in self._bounds["termination"].names:
                after = after | {"state": outputs["next_state"]}
            outputs["termination"] = self._call("termination", after, 0)[0] != 0
        return outputs

    def _call(self, slot: str, given: dict[str, Tensor], member: int) -> tuple[Tensor, ...]:
        bound = self._bounds[slot]
        count = len(next(iter(given.values())))
        values = []
        for name in bound.names:
            shape, kind = shape_of(name, self._spec)
            if kind == "lane":
                values.append(given[name].reshape(count, *shape).clone())
            else:
                value = given[name].reshape(shape)
                values.append(value.expand(count, *shape).clone() if bound.batched else value.clone())
        index = member if bound.stacked is None else 0
        try:
            outputs: tuple[Tensor, ...] = self._double[slot][index](*values)
        except RuntimeError:  # float32 tensors in a closure, say: the module as it is
            outputs = bound.modules[index](*(value.float() for value in values))
        if bound.stacked is not None:
            outputs = tuple(output.select(bound.stacked, member) for output in outputs)
        return outputs


def _double(module: nn.Module) -> nn.Module:
    """A float64 copy, plain tensor attributes included."""
    module = on_cpu(copy.deepcopy(module)).double()
    for part in module.modules():
        for name, value in list(vars(part).items()):
            if isinstance(value, Tensor) and value.is_floating_point():
                setattr(part, name, value.double())
    return module


def draw(spec: ExportSpec, names: Sequence[str], count: int, seed: int) -> dict[str, FloatArray]:
    """Random arguments `[count, size]` (uniform: `[size]`): actions within bounds, all else normal, of several sizes.

    Some candidates are ten times nearer to zero than others: rewards saturate far away, and would hide what they do near.
    """
    generator = np.random.default_rng(seed)
    arguments = {}
    for name in names:
        shape, kind = shape_of(name, spec)
        size = int(np.prod(shape, dtype=int))
        value = generator.standard_normal((count, size) if kind == "lane" else size)
        if kind == "lane" and name != "noise":
            value *= generator.choice([1.0, 0.3, 0.1], (count, 1))
        if name in ("action", "previous_action"):
            value = generator.uniform(spec.action_low, spec.action_high, (count, size))
        arguments[name] = np.abs(value).astype(np.float32) if name == "time" else value.astype(np.float32)
    return arguments


def test_vectors(spec: ExportSpec, bounds: Mapping[str, Bound], graph: dict[str, Any]) -> dict[str, FloatArray]:
    """Tensors `test/<program>/in/<argument>` and `test/<program>/out/<output> [1|M, BATCH, size]`."""
    oracle = Oracle(spec, bounds)
    tensors = {}
    for program, item in graph["programs"].items():
        arguments = draw(spec, [name for name, _, _ in item["arguments"]], BATCH, seed=1)
        tensors.update({f"test/{program}/in/{name}": value for name, value in arguments.items()})
        wide = _all_arguments(spec, bounds, program, arguments, BATCH)
        results = [oracle(program, wide, member) for member in range(item["members"])]
        for name in item["outputs"]:
            tensors[f"test/{program}/out/{name}"] = np.stack([r[name] for r in results]).astype(np.float32)
    return tensors


test_vectors.__test__ = False  # type: ignore[attr-defined] # not a test, whatever pytest makes of the name


def check_reward_bound(spec: ExportSpec, tensors: Mapping[str, FloatArray]) -> None:
    """Raises ValueError if a test vector's reward exceeds the declared bound by more than float32 explains."""
    if spec.reward_bound is None:
        return
    largest = float(np.fmax.reduce(tensors["test/step/out/reward"], axis=None))
    if largest > spec.reward_bound + TOLERANCE * abs(spec.reward_bound):
        raise ValueError(
            f"reward_bound must be no less than any reward, got {spec.reward_bound:g}, and a reward of {largest:g} was found"
        )


def _all_arguments(
    spec: ExportSpec, bounds: Mapping[str, Bound], program: str, arguments: dict[str, FloatArray], count: int
) -> Arrays:
    """Arguments as float64, with those that the Program dropped because nothing depends on them."""
    slots = ("dynamics", "reward", "termination") if program == "step" else (program,)
    names = {name for slot in slots if slot in bounds for name in bounds[slot].names} - {"next_state"}
    missing = draw(spec, sorted(names - set(arguments)), count, seed=2)
    return {name: np.asarray(value, np.float64) for name, value in (missing | arguments).items()}


def verify(
    data: bytes, spec: ExportSpec, bounds: Mapping[str, Bound], graph: dict[str, Any], evaluate: Evaluate | None = None
) -> None:
    """Evaluates every Program on batches of 1, 2, 17 and 33 candidates against the modules in float64.

    The Program computes each candidate alone, so agreement in every batch also shows that the modules do not let
    candidates depend on each other.

    Raises:
        RuntimeError: Naming the output and the error.
    """
    evaluate = evaluate or _core_evaluate(data)
    oracle = Oracle(spec, bounds)
    for program, item in graph["programs"].items():
        for member in range(item["members"]):
            for count in (1, 2, 17, 33):
                arguments = draw(spec, [name for name, _, _ in item["arguments"]], count, seed=count)
                results = evaluate(program, arguments, member)
                wide = _all_arguments(spec, bounds, program, arguments, count)
                try:
                    expected = oracle(program, wide, member)
                except Exception as error:
                    raise RuntimeError(
                        f"{program}: the module fails on a batch of {count} candidates: {error}. It must work for any batch"
                    ) from error
                for name in item["outputs"]:
                    shaken = partial(_shaken, oracle, program, wide, member, name)
                    _compare(f"{name} of {program}", results[name], expected[name], count, shaken)


def _core_evaluate(data: bytes) -> Evaluate:
    from mbrl_fast import _core

    problem = _core.Problem(data)
    return lambda program, arguments, member: problem.evaluate(program, arguments, member)


def _compare(
    what: str, got: NDArray[np.floating], expected: NDArray[np.float64], count: int, shaken: Callable[[], NDArray[np.float64]]
) -> None:
    """Raises unless |got - expected| <= TOLERANCE max|expected|, discontinuities excused."""
    got = np.asarray(got, np.float64).reshape(expected.shape)
    finite = np.isfinite(expected)
    scale = float(np.abs(expected[finite]).max(initial=0.0))
    with np.errstate(invalid="ignore"):
        error = np.where(finite, np.abs(got - expected), np.where(_same_special(got, expected), 0.0, np.inf))
    error = np.where(np.isnan(error), np.inf, error)
    wrong = error > TOLERANCE * scale + np.finfo(np.float32).tiny
    if wrong.any():
        wrong &= ~(np.nan_to_num(shaken(), nan=np.inf) > 0.1 * error)
    if wrong.any():
        raise RuntimeError(
            f"{what} differs from the module in float64 for {int(wrong.any(-1).sum())} of {count} candidates: largest error "
            f"{error[wrong].max():.3g}, allowed {TOLERANCE * scale:.3g}. Either candidates depend on each other or on the "
            "batch size, or this is a defect of the exporter"
        )


def _same_special(got: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((np.isnan(got) & np.isnan(expected)) | (got == expected))


def _shaken(oracle: Oracle, program: str, arguments: Arrays, member: int, name: str) -> NDArray[np.float64]:
    """How much the module's own output moves when its arguments move by float32 rounding: large at a jump."""
    generator = np.random.default_rng(0)
    base = oracle(program, arguments, member)[name]
    largest = np.zeros_like(base)
    for _ in range(8):
        moved = {key: value * (1 + 2e-7 * generator.choice([-1.0, 1.0], value.shape)) for key, value in arguments.items()}
        with np.errstate(invalid="ignore"):
            largest = np.fmax(largest, np.abs(oracle(program, moved, member)[name] - base))
    return largest
