"""Calls what the user gave, by its own argument names, and unpacks what it returns."""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import Tensor, nn

from .errors import ExportError
from .spec import Slot


class Caller(nn.Module):
    """Calls a module or function with positional tensors, by its own argument names; returns a tuple of tensors."""

    def __init__(self, slot: str, function: Slot, parameters: tuple[str, ...]) -> None:
        super().__init__()
        self._slot = slot
        self._parameters_called = parameters
        self._method = ""
        self._callable: Any = function
        if isinstance(function, types.MethodType) and isinstance(function.__self__, nn.Module):
            self._callable, self._method = function.__self__, function.__func__.__name__
        elif isinstance(function, types.FunctionType):
            self._callable = _named_forward(function)

    def call(self, *tensors: Tensor) -> Any:
        """What the user's callable returns for tensors in the order of `parameters`."""
        function = getattr(self._callable, self._method) if self._method else self._callable
        return function(**dict(zip(self._parameters_called, tensors, strict=True)))

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The same as `(tensor,)` or `(mean, std or scale_tril)`."""
        return unpack(self._slot, self.call(*tensors))[1]


def _named_forward(function: types.FunctionType) -> types.FunctionType:
    """The same function with code named `forward`: torch.export records source lines of such frames only."""
    code = function.__code__.replace(co_name="forward", co_qualname="forward")
    copied = types.FunctionType(code, function.__globals__, "forward", function.__defaults__, function.__closure__)
    copied.__kwdefaults__ = function.__kwdefaults__
    return copied


def unpack(slot: str, output: Any) -> tuple[str, tuple[Tensor, ...]]:
    """(kind, tensors) of what a callable returned: a tensor, (mean, std), or a torch distribution."""
    while isinstance(output, torch.distributions.Independent):
        output = output.base_dist
    if isinstance(output, torch.distributions.Normal):
        return "gaussian", (output.loc, output.scale)
    if isinstance(output, torch.distributions.MultivariateNormal):
        return "tril", (output.loc, output._unbroadcasted_scale_tril)
    if isinstance(output, Tensor):
        return "tensor", (output,)
    pair = slot == "dynamics" and isinstance(output, (tuple, list)) and len(output) == 2
    if pair and all(isinstance(part, Tensor) for part in output):
        return "gaussian", tuple(output)
    expected = "a tensor, (mean, std), Normal, Independent or MultivariateNormal" if slot == "dynamics" else "a tensor"
    raise ExportError(f"{slot} must return {expected}, got {type(output).__name__}")
