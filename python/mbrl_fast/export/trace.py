"""torch.export of a module with an example batch, decomposed to the operations that have lowering rules."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.export.graph_signature import InputKind, OutputKind

from .errors import ExportError, module_of_node, place_of_node, user_line_of_exception

# Kept whole: decomposed they would be split needlessly (linear, silu), lose accuracy, or merge the batch axis.
KEEP = frozenset(
    "linear matmul bmm layer_norm silu softplus mish gelu elu leaky_relu hardtanh hardswish selu softmax log_softmax "
    "logsumexp linalg_vector_norm linalg_cross slice_scatter select_scatter fill stack unbind split transpose "
    "clamp_min clamp_max masked_fill remainder var.correction hardsigmoid relu6 celu log_sigmoid softsign xlogy one_hot "
    "bilinear".split()
)
_MODE_DEPENDENT = ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "batch_norm", "rrelu", "native_dropout")


@dataclass(frozen=True)
class Traced:
    """A decomposed graph.

    Attributes:
        graph: torch.fx graph of ATen operations.
        inputs: Placeholders of the user's inputs, in order.
        outputs: Nodes of the user's outputs, in order.
        constants: Placeholder name → its tensor, one per member if they differ.
    """

    graph: torch.fx.Graph
    inputs: list[torch.fx.Node]
    outputs: list[torch.fx.Node]
    constants: dict[str, tuple[Tensor, ...]]


def trace(modules: Sequence[nn.Module], examples: tuple[Tensor, ...], slot: str) -> Traced:
    """One graph for all members of an ensemble.

    Args:
        modules: One module, or the members of an ensemble.
        examples: Example inputs, candidate axis BATCH long.
        slot: Name of what is traced, for messages.

    Raises:
        ExportError: If a module cannot be traced, or the members' graphs differ.
    """
    traces = [_trace_one(module, examples, slot) for module in modules]
    first = traces[0]
    lines = _lines(first.graph)
    for member, other in enumerate(traces[1:], 1):
        if (others := _lines(other.graph)) != lines:
            different = next((pair for pair in zip(lines, others, strict=False) if pair[0] != pair[1]), ("fewer", "more"))
            raise ExportError(
                f"{slot}: members of an ensemble must have the same graph, got member 0 with `{different[0]}` and member "
                f"{member} with `{different[1]}`. Keep numbers that differ in parameters or buffers"
            )
    constants = {}
    for name in first.constants:
        tensors = [item.constants[name][0] for item in traces]
        same = all(torch.equal(tensors[0], tensor) for tensor in tensors[1:])
        constants[name] = tuple(tensors[:1] if same else tensors)
    return Traced(first.graph, first.inputs, first.outputs, constants)


def _trace_one(module: nn.Module, examples: tuple[Tensor, ...], slot: str) -> Traced:
    module = _float32_copy(module, slot)
    try:
        with tracing():
            program = torch.export.export(module, examples, strict=False)
            _refuse_training(program.graph, slot)
            program = program.run_decompositions(_decompositions())
    except ExportError:
        raise
    except Exception as error:
        raise _failure(error, slot) from error
    _refuse_types(program.graph, slot)
    return _read(program, slot)


def _float32_copy(module: nn.Module, slot: str) -> nn.Module:
    module = copy.deepcopy(module).cpu()
    tensors = [*module.named_parameters(), *module.named_buffers()]
    doubles = [name.removeprefix("_callable.") for name, tensor in tensors if tensor.dtype == torch.float64]
    if doubles:
        warnings.warn(f"{slot}: {', '.join(doubles)} of float64 rounded to float32", stacklevel=2)
    return module.float()


@contextlib.contextmanager
def tracing() -> Iterator[None]:
    """No gradients, no validation of distributions, no fused attention, and torch's chatter held back."""
    validate = torch.distributions.Distribution._validate_args
    fast = torch.backends.mha.get_fastpath_enabled()
    disabled = logging.root.manager.disable
    torch.distributions.Distribution.set_default_validate_args(False)
    torch.backends.mha.set_fastpath_enabled(False)
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), torch.no_grad(), contextlib.redirect_stdout(io.StringIO()), \
                contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.distributions.Distribution.set_default_validate_args(validate)
        torch.backends.mha.set_fastpath_enabled(fast)
        logging.disable(disabled)


_TABLE: dict[Any, Any] = {}


def _decompositions() -> Any:
    """The default table less KEEP; built once, as that takes half a second."""
    if not _TABLE:
        default = torch.export.default_decompositions().items()
        _TABLE.update({op: rule for op, rule in default if KEEP.isdisjoint(_names(op))})
    return dict(_TABLE)


def _names(op: Any) -> tuple[str, str]:
    """`("var", "var.correction")`."""
    name = op._schema.name.removeprefix("aten::")
    return name, f"{name}.{op._schema.overload_name or 'default'}"


def _read(program: Any, slot: str) -> Traced:
    """Sorts the placeholders and outputs of an exported program by kind."""
    nodes = {node.name: node for node in program.graph.nodes}
    inputs, constants = [], {}
    for spec in program.graph_signature.input_specs:
        if spec.kind == InputKind.USER_INPUT:
            inputs.append(nodes[spec.arg.name])
        elif spec.kind in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            found = program.state_dict.get(spec.target)
            tensor = program.constants[spec.target] if found is None else found
            constants[spec.arg.name] = (tensor.detach(),)
        else:
            raise ExportError(f"{slot}: input {spec.target} of kind {spec.kind.name} is not supported")
    outputs = []
    for spec in program.graph_signature.output_specs:
        if spec.kind == OutputKind.USER_INPUT_MUTATION:
            raise ExportError(
                f"{slot}: forward writes into its argument {spec.target}{place_of_node(nodes[spec.arg.name])}, which would change the "
                f"caller's array. Copy it first: {spec.target} = {spec.target}.clone()"
            )
        if spec.kind != OutputKind.USER_OUTPUT:
            raise ExportError(
                f"{slot}: forward writes into {str(spec.target).removeprefix('_callable.')}"
                f"{place_of_node(nodes[spec.arg.name])}; a plan has no state of its own. Call .eval(), or compute without writing"
            )
        outputs.append(nodes[spec.arg.name])
    return Traced(program.graph, inputs, outputs, constants)


def _refuse_training(graph: torch.fx.Graph, slot: str) -> None:
    """Dropout or batch norm in training mode: exported silently otherwise."""
    for node in graph.nodes:
        name = getattr(getattr(node.target, "_schema", None), "name", "").removeprefix("aten::")
        if name.rstrip("_") not in _MODE_DEPENDENT:
            continue
        bound = dict(zip([a.name for a in node.target._schema.arguments], node.args, strict=False)) | node.kwargs
        if bound.get("train") or bound.get("training"):
            raise ExportError(
                f"{slot}: {module_of_node(node) or name}{place_of_node(node)} is in training mode. Call .eval() before exporting"
            )


def _refuse_types(graph: torch.fx.Graph, slot: str) -> None:
    """Half precision, usually from autocast."""
    for node in graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16):
            raise ExportError(
                f"{slot}: {value.dtype}{place_of_node(node)} is not supported; plans are made in float32. "
                "Remove autocast and half-precision casts from forward"
            )


def _lines(graph: torch.fx.Graph) -> list[str]:
    """A line per node, equal for graphs that do the same with constants of the same shapes."""
    return [
        f"{node.name} {node.op} {node.target} {node.args} {node.kwargs} {tuple(getattr(node.meta.get('val'), 'shape', ()))}"
        for node in graph.nodes
    ]


def _failure(error: Exception, slot: str) -> ExportError:
    """What torch.export said, in one sentence with the user's line."""
    place = user_line_of_exception(error)
    text = str(error)
    data_dependent = "data-dependent" in text or "DataDependent" in type(error).__name__ or "_local_scalar_dense" in text
    if data_dependent:
        return ExportError(
            f"{slot}: forward{place} needs the value of a tensor while it is traced (an `if`, float(), int(), item() or a "
            "mask as an index). Use torch.where(condition, a, b), and masks only to assign: y[mask] = v"
        )
    first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return ExportError(f"{slot}: forward{place} cannot be traced: {type(error).__name__}: {first[:300]}")
