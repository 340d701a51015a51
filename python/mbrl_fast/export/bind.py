"""Binds callables by argument name, and finds out by one call what they return."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .call import Caller, unpack
from .errors import ExportError
from .spec import ExportSpec, Slot
from .trace import on_cpu, tracing
from .values import BATCH

_OTHER_NAMES = {
    "x": "state", "xs": "state", "u": "action", "us": "action", "x_next": "next_state", "next_x": "next_state",
    "last_action": "previous_action",
}  # fmt: skip
_POSITIONAL = {
    "dynamics": ("state", "action"),
    "reward": ("state", "action", "next_state"),
    "termination": ("state",),
    "terminal_value": ("state",),
    "policy": ("state",),
    "observe": ("observation",),
}
_KNOWN = {
    "dynamics": ("state", "action", "previous_action", "time"),
    "reward": ("state", "action", "next_state", "previous_action", "time"),
    "termination": ("state", "action", "next_state", "time"),
    "terminal_value": ("state",),
    "policy": ("state",),
    "observe": ("observation",),
}


@dataclass(frozen=True)
class Bound:
    """A slot ready to trace.

    Attributes:
        modules: One Caller per member.
        parameters: The callable's own names of its arguments.
        names: What each of its arguments is, e.g. `("state", "action", "goal")`.
        batched: Whether uniform inputs are passed as `[B, *shape]` instead of `[*shape]`.
        kind: `tensor`, `gaussian` (mean, std), or `tril` (mean, scale_tril).
        stacked: Axis of the members in the output of a batched ensemble, `[M, B, S]` or `[B, M, S]`; None otherwise.
        members: Of a batched ensemble.
    """

    slot: str
    modules: tuple[Caller, ...]
    parameters: tuple[str, ...]
    names: tuple[str, ...]
    batched: bool = True
    kind: str = "tensor"
    stacked: int | None = None
    members: int = 1


def bind(slot: str, functions: Sequence[Slot], spec: ExportSpec) -> Bound:
    """Binds the arguments of a slot's callables, all with the same names.

    Raises:
        ExportError: For an argument that is none of those known, or an output of the wrong shape.
    """
    parameters, names = _arguments(slot, functions[0], [item.name for item in spec.inputs])
    callers = tuple(Caller(slot, function, parameters) for function in functions)
    bound = Bound(slot, callers, parameters, names)
    uniform = {item.name for item in spec.inputs if not item.per_step}
    styles = (True, False) if uniform & set(names) else (True,)
    found: dict[bool, tuple[str, tuple[Tensor, ...]]] = {}
    errors = []
    for batched in styles:
        try:
            with tracing():
                caller = copy.deepcopy(callers[0])
                on_cpu(caller).float()
                output = caller.call(*example_arguments(spec, names, batched))
                found[batched] = unpack(slot, output)
                _check_shape(slot, found[batched][1], spec)
        except ExportError as error:
            found.pop(batched, None)
            errors.append(error)
        except Exception:  # torch.export tells it again, with the user's line
            continue
    if not found:
        if errors:
            raise errors[0]
        return bound
    if len(found) == 2 and not _agree(found[True][1], found[False][1]):
        which = ", ".join(sorted(uniform & set(names)))
        raise ExportError(
            f"{slot} gives different results for inputs {which} with and without a leading batch axis. "
            "Index them from the end, e.g. goal[..., 0], so that both mean the same"
        )
    batched = True in found
    kind, outputs = found[batched]
    stacked = _stacked_axis(slot, outputs[0])
    members = 1 if stacked is None else outputs[0].shape[stacked]
    return Bound(slot, callers, parameters, names, batched, kind, stacked, members)


def _agree(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> bool:
    pairs = zip(a, b, strict=True)
    return all(x.shape == y.shape and torch.allclose(x.float(), y.float(), 1e-4, 1e-5, equal_nan=True) for x, y in pairs)


def _arguments(slot: str, function: Slot, inputs: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(the callable's own names, what each of them is)."""
    target = function.forward if isinstance(function, nn.Module) else function
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        raise ExportError(f"{slot}: the arguments of {function!r} cannot be read. Wrap it in a function") from None
    known = {name: name for name in (*_KNOWN[slot], *inputs)}
    positional = list(_POSITIONAL[slot])
    guessed = 0
    parameters: list[str] = []
    names: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        name = _meaning(parameter.name, known)
        if name is None and parameter.default is not parameter.empty:
            continue
        if name is None and len(names) == guessed < len(positional):  # none is known so far: by position
            name, guessed = positional[guessed], guessed + 1
        if name is None or parameter.kind == parameter.POSITIONAL_ONLY:
            raise ExportError(
                f"{slot}: argument {parameter.name} is none of {', '.join(known)}. Rename it, or declare it: "
                f'inputs={{"{parameter.name}": shape}}'
            )
        if name in names:
            raise ExportError(f"{slot}: two arguments are {name}: {parameters[names.index(name)]} and {parameter.name}")
        parameters.append(parameter.name)
        names.append(name)
    return tuple(parameters), tuple(names)


def _meaning(name: str, known: dict[str, str]) -> str | None:
    """The known name that an argument means: itself, its singular or plural, or a usual short form."""
    other = _OTHER_NAMES.get(name)
    for candidate in (name, name.removesuffix("s"), name + "s", other):
        if candidate in known:
            return candidate
    return None


def shape_of(name: str, spec: ExportSpec) -> tuple[tuple[int, ...], str]:
    """(shape per candidate, kind) of an argument."""
    sizes = {"state": spec.state_size, "next_state": spec.state_size, "action": spec.action_size,
             "previous_action": spec.action_size, "observation": spec.observation_size, "noise": spec.state_size}  # fmt: skip
    if name in sizes:
        return (sizes[name],), "lane"
    if name == "time":
        return (), "lane"
    item = next(item for item in spec.inputs if item.name == name)
    return item.shape, "lane" if item.per_step else "uniform"


def example_arguments(spec: ExportSpec, names: Sequence[str], batched: bool) -> tuple[Tensor, ...]:
    """Random float32 examples with a batch of BATCH."""
    generator = torch.Generator().manual_seed(0)
    examples = []
    for name in names:
        shape, kind = shape_of(name, spec)
        if kind == "lane":
            examples.append(torch.randn((BATCH, *shape), generator=generator))
        else:
            value = torch.randn(shape, generator=generator)
            examples.append(value.expand(BATCH, *shape).contiguous() if batched else value)
    return tuple(examples)


def _check_shape(slot: str, outputs: tuple[Tensor, ...], spec: ExportSpec) -> None:
    size = {"dynamics": spec.state_size, "observe": spec.state_size, "policy": spec.action_size}.get(slot)
    shapes = [(BATCH, size)] if size is not None else [(BATCH,), (BATCH, 1)]
    shape = tuple(outputs[0].shape)
    if shape in shapes or (slot == "dynamics" and _stacked_axis(slot, outputs[0]) is not None and shape[-1] == size):
        return
    expected = f"[B, {size}]" if size is not None else "[B] or [B, 1]"
    got = ", ".join("B" if length == BATCH else str(length) for length in shape)
    raise ExportError(f"{slot} must return {expected} for a batch of B candidates, got [{got}]")


def _stacked_axis(slot: str, output: Tensor) -> int | None:
    """Axis of the members in `[M, B, S]` or `[B, M, S]`."""
    if slot != "dynamics" or output.dim() != 3 or BATCH not in output.shape[:2]:
        return None
    return 0 if output.shape[1] == BATCH else 1
