"""Lowers a traced graph to rows: walks the nodes, folds what is constant, calls a rule for the rest."""

from __future__ import annotations

import operator
import zlib
from typing import Any

import torch

from . import (  # noqa: F401 (importing a group registers its rules)
    lower_activation,
    lower_contract,
    lower_elementwise,
    lower_functions,
    lower_index,
    lower_move,
    lower_norm,
    lower_reduce,
)
from .builder import Builder
from .errors import ExportError, Refusal, place_of_node
from .registry import RULES, supported
from .tools import Tools
from .trace import Traced
from .values import Const, Rows

_ADVICE = {
    "sort": "Use amax, amin, argmax or argmin, or comparisons",
    "topk": "Use amax, amin, argmax or argmin, or comparisons",
    "nonzero": "A mask as an index gives an unknown number of elements: use torch.where(mask, a, b) instead",
    "masked_select": "A mask as an index gives an unknown number of elements: use torch.where(mask, a, b) instead",
    "_local_scalar_dense": "item(), float() and int() of a tensor need its value: keep it a tensor",
    "convolution": "Write the convolution as linear layers",
    "embedding": "Use a one-hot vector times the table",
}


def lower(traced: Traced, inputs: list[Rows], builder: Builder, slot: str) -> list[Rows]:
    """Rows of each output of the graph, given those of its user inputs.

    Raises:
        ExportError: For an operation that is not supported or mixes candidates, with the user's line.
    """
    tools = Tools(builder)
    values: dict[torch.fx.Node, Any] = dict(zip(traced.inputs, inputs, strict=True))
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            if node not in values and node.name in traced.constants:
                tensors = traced.constants[node.name]
                values[node] = Const(tensors, tensors[0] if node.name in traced.literals else _stand_in(node.name, tensors[0]))
        elif node.op == "output":
            return [tools.rows(values[item]) for item in traced.outputs]
        else:
            try:
                values[node] = _call(tools, node, values)
            except Refusal as refusal:
                name = str(node.target).removeprefix("aten.")
                raise ExportError(f"{slot}: {name}{place_of_node(node)} cannot be exported: {refusal}.") from None
    raise AssertionError("a graph ends in its output")


def _call(tools: Tools, node: torch.fx.Node, values: dict[torch.fx.Node, Any]) -> Any:
    """Value of one node."""
    args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), values.get)
    target = node.target
    if target is operator.getitem:
        return _item(args)
    if not isinstance(target, torch.ops.aten.add.Tensor.__class__):
        raise Refusal(f"Python's own {getattr(target, '__name__', target)} is not an operation on tensors")
    name = str(target).removeprefix("aten.")
    if name.startswith(("_assert", "sym_constrain_range")):
        return None
    if torch.Tag.nondeterministic_seeded in target.tags and not name.startswith(("dropout", "native_dropout")):
        raise Refusal("it draws random numbers. Return the mean and the standard deviation; the planner adds the noise")
    if not _has_rows((args, kwargs)):
        return _fold(target, args, kwargs)
    entry = RULES.get(name)
    if entry is None:
        advice = _ADVICE.get(name.split(".")[0])
        raise Refusal((f"{advice}. " if advice else "it is not supported. ") + f"Supported are: {supported()}")
    ordered = _in_schema_order(target, args, kwargs)
    if not entry.keep_constants:
        ordered = [_as_rows(tools, item) for item in ordered]
    tools.node = node
    return entry.rule(tools, *ordered)


def _item(args: Any) -> Any:
    return args[0][args[1]]


def _in_schema_order(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """All arguments of an operation in the order of its schema."""
    ordered = []
    for position, argument in enumerate(target._schema.arguments):
        if position < len(args):
            ordered.append(args[position])
        else:
            default = argument.default_value if argument.has_default_value() else None
            ordered.append(kwargs.get(argument.name, default))
    return ordered


def _has_rows(item: Any) -> bool:
    if isinstance(item, dict):
        item = list(item.values())
    return any(map(_has_rows, item)) if isinstance(item, (list, tuple)) else isinstance(item, Rows)


def _as_rows(tools: Tools, item: Any) -> Any:
    if isinstance(item, (list, tuple)):
        return [_as_rows(tools, part) for part in item]
    return tools.rows(item) if isinstance(item, Const) else item


def _stand_in(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Fixed random numbers in place of a parameter or buffer; integers and masks are part of the graph."""
    if not tensor.is_floating_point():
        return tensor
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    return torch.rand(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.dtype) + 0.5


def _fold(target: Any, args: Any, kwargs: Any) -> Any:
    """Runs an operation of constants now, once per member if any of them differs between members."""

    def run(member: int) -> Any:
        chosen_args, chosen_kwargs = _choose((args, kwargs), member)
        return target(*chosen_args, **chosen_kwargs)

    results = [run(member) for member in range(_width((args, kwargs)))]
    try:
        stand_in = run(-1)
    except RuntimeError:  # a decomposition, say, that random numbers do not have
        stand_in = results[0]
    if isinstance(results[0], (tuple, list)):
        return [Const(tuple(result[i] for result in results), stand_in[i]) for i in range(len(results[0]))]
    return Const(tuple(results), stand_in) if isinstance(results[0], torch.Tensor) else results[0]


def _width(item: Any) -> int:
    if isinstance(item, dict):
        item = list(item.values())
    if isinstance(item, (list, tuple)):
        return max(map(_width, item), default=1)
    return len(item.tensors) if isinstance(item, Const) else 1


def _choose(item: Any, member: int) -> Any:
    if isinstance(item, Const):
        return item.stand_in if member < 0 else item.tensors[member % len(item.tensors)]
    if isinstance(item, dict):
        return {key: _choose(part, member) for key, part in item.items()}
    return type(item)(_choose(part, member) for part in item) if isinstance(item, (list, tuple)) else item
