"""The one exception of the exporter, and how it finds the user's line."""

from __future__ import annotations

import linecache
import os
import re
import traceback
from typing import Any

import torch

_LIBRARY = tuple(os.path.dirname(os.path.abspath(path)) + os.sep for path in (torch.__file__, __file__))
_FRAME = re.compile(r'File "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)')


class ExportError(ValueError):
    """A module that cannot be exported: names the slot, the operation, the user's source line and what to do."""


class Refusal(Exception):
    """Raised by a lowering rule: a reason and an advice, without the place, which the caller knows."""


def _is_users(path: str) -> bool:
    outside = not os.path.abspath(path).startswith(_LIBRARY) and not path.startswith(("torch/", "<"))
    return outside and os.path.exists(path)


def user_line(stack_trace: str) -> str:
    """` at line 12 of model.py: y = x.sort()` for the last frame outside torch, or an empty string."""
    frames = [match for match in _FRAME.finditer(stack_trace) if _is_users(match["path"])]
    return _describe(frames[-1]["path"], int(frames[-1]["line"])) if frames else ""


def user_line_of_exception(error: BaseException) -> str:
    """The same for an exception: its last traceback frame in the user's code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    return _describe(frames[-1].filename, frames[-1].lineno or 0) if frames else ""


def _describe(path: str, line: int) -> str:
    code = linecache.getline(path, line).strip()
    return f" at line {line} of {os.path.basename(path)}" + (f": `{code}`" if code else "")


def place_of_node(node: Any) -> str:
    """Where a graph node comes from: the user's line, else the name of the module that made it."""
    place = user_line(node.meta.get("stack_trace") or "")
    return place or (f" in module {name!r}" if (name := module_of_node(node)) not in ("", "Caller") else "")


def module_of_node(node: Any) -> str:
    """Dotted name and class of the innermost module that a node was traced in, e.g. `net.2 (Dropout)`."""
    stack = node.meta.get("nn_module_stack") or {}
    if not stack:
        return ""
    path, kind = list(stack.values())[-1]
    path = re.sub(r"^(L\['self'\]\.?)?_callable\.?", "", str(path))
    kind = str(kind).rsplit(".", 1)[-1]
    return f"{path} ({kind})" if path else kind
