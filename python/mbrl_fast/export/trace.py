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

from .errors import ExportError, place_of_node
from .refuse import failure, refuse_training, refuse_types

# Kept whole: decomposed they would be split needlessly (linear, silu), lose accuracy, or merge the batch axis.
KEEP = frozenset({
    "linear", "matmul", "bmm", "layer_norm", "silu", "softplus", "mish", "gelu", "elu", "leaky_relu", "hardtanh",
    "hardswish", "selu", "softmax", "log_softmax", "logsumexp", "linalg_vector_norm", "linalg_cross",
    "linalg_cholesky", "slice_scatter", "select_scatter", "fill", "stack", "unbind", "split", "transpose",
    "clamp_min", "clamp_max", "masked_fill", "remainder", "var.correction", "hardsigmoid", "relu6", "celu",
    "log_sigmoid", "xlogy", "one_hot", "bilinear",
})  # fmt: skip


@dataclass(frozen=True)
class Traced:
    """A decomposed graph.

    Attributes:
        graph: torch.fx graph of ATen operations.
        inputs: Placeholders of the user's inputs, in order.
        outputs: Nodes of the user's outputs, in order.
        constants: Placeholder name → its tensor, one per member if they differ.
        literals: Those of the constants that are written in the code of forward.
    """

    graph: torch.fx.Graph
    inputs: list[torch.fx.Node]
    outputs: list[torch.fx.Node]
    constants: dict[str, tuple[Tensor, ...]]
    literals: frozenset[str]


def trace(modules: Sequence[nn.Module], examples: tuple[Tensor, ...], names: Sequence[str], slot: str) -> Traced:
    """One graph for all members of an ensemble.

    Args:
        modules: One module, or the members of an ensemble.
        examples: Example inputs, candidate axis BATCH long.
        names: Of the inputs, for messages.
        slot: Name of what is traced, for messages.

    Raises:
        ExportError: If a module cannot be traced, or the members' graphs differ.
    """
    programs = [_export(module, examples, slot) for module in modules]
    lines = _lines(programs[0])
    for member, other in enumerate(programs[1:], 1):
        if (others := _lines(other)) != lines:
            different = next((pair for pair in zip(lines, others, strict=False) if pair[0] != pair[1]), ("less", "more"))
            raise ExportError(
                f"{slot}: members of an ensemble must have the same graph, got member 0 with `{different[0]}` and member "
                f"{member} with `{different[1]}`. Keep numbers that differ in parameters or buffers"
            )
    decomposed = _decomposed(programs[0], "\n".join(lines), slot)
    inputs, targets, outputs = _read(decomposed, names, slot)
    constants = {}
    for name, target in targets.items():
        tensors = [_tensor(program, decomposed, target) for program in programs]
        same = all(torch.equal(tensors[0], tensor) for tensor in tensors[1:])
        constants[name] = tuple(tensors[:1] if same else tensors)
    literals = frozenset(name for name, target in targets.items() if target.startswith("lifted_tensor"))
    return Traced(decomposed.graph, inputs, outputs, constants, literals)


def _export(module: nn.Module, examples: tuple[Tensor, ...], slot: str) -> Any:
    """The program as torch.export gives it, before decomposition."""
    module = _float32_copy(module, slot)
    try:
        with tracing():
            program = torch.export.export(module, examples, strict=False)
    except Exception as error:
        raise failure(error, slot) from error
    refuse_training(program.graph, slot)
    return program


_DECOMPOSED: dict[str, Any] = {}


def _decomposed(program: Any, key: str, slot: str) -> Any:
    """The program in the operations that have rules. The last few are kept: members and updates share theirs."""
    if key not in _DECOMPOSED:
        with tracing():
            result = program.run_decompositions(_decompositions())
        refuse_types(result.graph, slot)
        while len(_DECOMPOSED) >= 16:
            del _DECOMPOSED[next(iter(_DECOMPOSED))]
        _DECOMPOSED[key] = result
    return _DECOMPOSED[key]


def _tensor(program: Any, decomposed: Any, target: str) -> Tensor:
    """A parameter, buffer or constant of a program, or one that the decomposition made."""
    for tensors in (program.state_dict, program.constants, decomposed.constants):
        if target in tensors:
            tensor: Tensor = tensors[target]
            return tensor.detach()
    raise AssertionError(f"no tensor {target}")


def _float32_copy(module: nn.Module, slot: str) -> nn.Module:
    try:
        module = on_cpu(copy.deepcopy(module))
    except (RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ExportError(f"{slot} cannot be copied, detach tensors that it keeps from earlier calls: {reason}") from error
    tensors = [*module.named_parameters(), *module.named_buffers()]
    doubles = [name.removeprefix("_callable.") for name, tensor in tensors if tensor.dtype == torch.float64]
    if doubles:
        warnings.warn(f"{slot}: {', '.join(doubles)} of float64 rounded to float32", stacklevel=2)
    return module.float()


def on_cpu(module: nn.Module) -> nn.Module:
    """The module, moved; one on the meta device, as torch.func leaves behind, has nothing to move."""
    devices = {tensor.device.type for tensor in (*module.parameters(), *module.buffers())}
    return module.cpu() if devices - {"cpu", "meta"} else module


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
        with (
            warnings.catch_warnings(),
            torch.no_grad(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
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
        default = torch.export.default_decompositions().items()  # type: ignore[no-untyped-call]
        _TABLE.update({op: rule for op, rule in default if KEEP.isdisjoint(_names(op))})
    return dict(_TABLE)


def _names(op: Any) -> tuple[str, str]:
    """`("var", "var.correction")`."""
    name = op._schema.name.removeprefix("aten::")
    return name, f"{name}.{op._schema.overload_name or 'default'}"


def _read(program: Any, names: Sequence[str], slot: str) -> tuple[list[torch.fx.Node], dict[str, str], list[torch.fx.Node]]:
    """Nodes of the user's inputs, placeholder name → name of its constant, nodes of the user's outputs."""
    nodes = {node.name: node for node in program.graph.nodes}
    inputs, targets = [], {}
    for spec in program.graph_signature.input_specs:
        if spec.kind == InputKind.USER_INPUT:
            inputs.append(nodes[spec.arg.name])
        elif spec.kind in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            targets[spec.arg.name] = spec.target
        elif spec.kind != InputKind.TOKEN:  # a token orders checks that print or raise; the rules refuse those
            raise ExportError(f"{slot}: input {spec.target} of kind {spec.kind.name} is not supported")
    outputs = []
    for spec in program.graph_signature.output_specs:
        if spec.kind == OutputKind.TOKEN:
            continue
        place = place_of_node(nodes[spec.arg.name])
        if spec.kind == OutputKind.USER_INPUT_MUTATION:
            name = names[inputs.index(nodes[str(spec.target)])]
            raise ExportError(
                f"{slot}: forward writes into its argument {name}{place}, which would change the caller's array. "
                f"Copy it first: {name} = {name}.clone()"
            )
        if spec.kind != OutputKind.USER_OUTPUT:
            name = str(spec.target).removeprefix("_callable.")
            raise ExportError(
                f"{slot}: forward writes into {name}{place}; a plan has no state of its own. "
                "Call .eval(), or compute without writing"
            )
        outputs.append(nodes[spec.arg.name])
    return inputs, targets, outputs


def _lines(program: Any) -> list[str]:
    """A line per node, nested graphs included: equal for programs that do the same with constants of the same shapes."""
    graphs = [part.graph for part in program.graph_module.modules() if isinstance(part, torch.fx.GraphModule)]
    return [
        f"{node.name} {node.op} {node.target} {node.args} {node.kwargs} {_kind(node)}" for graph in graphs for node in graph.nodes
    ]


def _kind(node: torch.fx.Node) -> str:
    value = node.meta.get("val")
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else ""
