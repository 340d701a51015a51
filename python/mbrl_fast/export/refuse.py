"""What is refused while tracing, in sentences that say where and what to do."""

from __future__ import annotations

import torch
from torch import Tensor

from .errors import ExportError, module_of_node, place_of_node, user_line_of_exception

_MODE_DEPENDENT = frozenset(
    ["dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "batch_norm", "rrelu", "native_dropout"]
)


def refuse_training(graph: torch.fx.Graph, slot: str) -> None:
    """Dropout or batch norm in training mode: exported silently otherwise."""
    for node in graph.nodes:
        name = getattr(getattr(node.target, "_schema", None), "name", "").removeprefix("aten::")
        if name.rstrip("_") not in _MODE_DEPENDENT:
            continue
        bound = dict(zip([a.name for a in node.target._schema.arguments], node.args, strict=False)) | node.kwargs
        if (bound.get("train") or bound.get("training")) and bound.get("p") != 0:
            raise ExportError(
                f"{slot}: {module_of_node(node) or name}{place_of_node(node)} is in training mode. Call .eval() before exporting"
            )


def refuse_types(graph: torch.fx.Graph, slot: str) -> None:
    """Half precision, usually from autocast."""
    for node in graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16):
            raise ExportError(
                f"{slot}: {value.dtype}{place_of_node(node)} is not supported; plans are made in float32. "
                "Remove autocast and half-precision casts from forward"
            )


def failure(error: Exception, slot: str) -> ExportError:
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
