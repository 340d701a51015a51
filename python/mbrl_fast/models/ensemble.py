"""An ensemble as one module: the members' weights stacked, all of them computed side by side."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

_PLAIN = (bool, int, float, str, tuple, type(None))


class Ensemble(nn.Module):
    """Members of one architecture in one forward: every linear layer is a product with weights [M, in, out].

    It is exported as an ensemble of M members, and gives them back as plain modules. A member may have linear layers, layers
    without parameters, and vectors of its own as parameters and buffers; its forward must leave leading axes alone and use such
    vectors along the last axis, as ``Gaussian`` and ``MLP`` do.

    Args:
        members: at least one, all of one architecture; their weights are copied. ValueError if they differ in more than weights,
            TypeError for a layer that cannot be stacked.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        if not members:
            raise ValueError("an ensemble needs at least one member, got none")
        if any(_architecture(member) != _architecture(members[0]) for member in members):
            raise ValueError("the members of an ensemble must have the same architecture, got different ones")
        self.count = len(members)
        self.batched = _stack(members)

    def forward(self, state: Tensor, action: Tensor) -> Any:
        """state [B, S] or [M, B, S], action likewise -> what the members give, stacked: (mean [M, B, S], std [M, B, S])."""
        return self.batched(state, action)

    def members(self) -> list[nn.Module]:
        """The members as plain modules with copies of the weights."""
        return [_member(self.batched, index) for index in range(self.count)]


class BatchedLinear(nn.Module):
    """M linear layers side by side, weights [M, in, out] and biases [M, 1, out]."""

    bias: nn.Parameter | None

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]).contiguous())
        biases = [layer.bias.detach()[None] for layer in layers if layer.bias is not None]
        self.bias = nn.Parameter(torch.stack(biases)) if biases else None

    def forward(self, x: Tensor) -> Tensor:
        """x [M, B, in] or [B, in] -> [M, B, out]."""
        x = x.expand(len(self.weight), -1, -1)
        return torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias, x, self.weight)

    def layer(self, index: int) -> nn.Linear:
        """One of them alone."""
        inputs, outputs = self.weight.shape[1:]
        layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs, self.bias is not None)  # type: ignore[no-untyped-call]
        layer.weight = nn.Parameter(self.weight[index].detach().T.contiguous())
        if self.bias is not None:
            layer.bias = nn.Parameter(self.bias[index, 0].detach().clone())
        return layer


def _architecture(module: nn.Module) -> list[Any]:
    """What members have in common: the kinds of their parts, plain attributes, the shapes of parameters and buffers."""
    parts: list[Any] = [(name, value.shape) for name, value in module.state_dict().items()]
    for name, part in module.named_modules():
        plain = {key: value for key, value in vars(part).items() if isinstance(value, _PLAIN) and key != "training"}
        parts.append((name, type(part), plain))
    return parts


def _stack(members: Sequence[nn.Module]) -> nn.Module:
    """A copy of the first with linear layers made batched ones, and vectors [K] made [M, 1, K]."""
    batched = copy.deepcopy(members[0])
    for name, part in list(batched.named_modules()):
        parts = [member.get_submodule(name) for member in members]
        if isinstance(part, nn.Linear):
            _replace(batched, name, BatchedLinear(parts))  # type: ignore[arg-type] # of one architecture
            continue
        for key, value in [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]:
            if type(part).__module__.startswith("torch.nn.") or value.dim() != 1:
                what = f"{key} of {type(part).__name__} {name!r}, {tuple(value.shape)}"
                raise TypeError(f"an ensemble stacks linear layers and vectors that a module holds itself, got {what}")
            stacked = torch.stack([getattr(other, key).detach()[None] for other in parts])
            _set(part, key, stacked)
    return batched


def _member(batched: nn.Module, index: int) -> nn.Module:
    """The inverse of ``_stack``, for one member."""
    member = copy.deepcopy(batched)
    for name, part in list(member.named_modules()):
        if isinstance(part, BatchedLinear):
            _replace(member, name, part.layer(index))
            continue
        for key, value in [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]:
            _set(part, key, value[index, 0].detach().clone())
    return member


def _replace(module: nn.Module, name: str, part: nn.Module) -> None:
    owner, _, attribute = name.rpartition(".")
    setattr(module.get_submodule(owner), attribute, part)


def _set(part: nn.Module, key: str, value: Tensor) -> None:
    """A parameter stays a parameter, a buffer a buffer."""
    setattr(part, key, nn.Parameter(value) if key in part._parameters else value)
