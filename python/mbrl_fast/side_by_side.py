"""Modules of one architecture computed together, each on its own data: what makes training an ensemble as cheap as one network."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from .models.ensemble import Ensemble


class SideBySide(Protocol):
    """M modules at once. ``parameters``: tensors [M, ...] that an optimizer may change."""

    parameters: list[Tensor]

    def __call__(self, *inputs: Tensor) -> tuple[Any, Tensor]:
        """Inputs [M, B, ·] -> (what the modules return, [M, B, ·] or a pair of it; what they add to their losses, [M] or [])."""

    def modules(self) -> list[nn.Module]:
        """Plain modules with the weights as they are now, in evaluation mode."""


def side_by_side(members: Sequence[nn.Module], examples: Sequence[Tensor]) -> SideBySide:
    """Copies of the members side by side: stacked where that gives what they give on examples [B, ·], else under vmap.

    Stacked linear layers train about twice as fast, but a forward may count on inputs with two axes, or hold layers of other kinds.
    """
    wrapped = [_WithPenalty(copy.deepcopy(member)) for member in members]
    try:
        stacked = _Stacked(wrapped)
        if _agree(stacked, wrapped, examples):
            return stacked
    except (TypeError, ValueError, RuntimeError, IndexError):  # whatever a forward that wants two axes runs into
        pass
    return _Vmapped(wrapped)


@torch.no_grad()
def _agree(stacked: _Stacked, members: Sequence[nn.Module], examples: Sequence[Tensor]) -> bool:
    stacked.ensemble.eval()
    together = _flat(stacked(*(example.expand(len(members), *example.shape) for example in examples))[0])
    alone = torch.stack([_flat(copy.deepcopy(member).eval()(*examples)[0]) for member in members], 1)
    stacked.ensemble.train()
    return together.shape == alone.shape and torch.allclose(together, alone, 1e-3, 1e-4)


def _flat(output: Any) -> Tensor:
    """A tensor, or several, as one with them along a new first axis."""
    return torch.stack([output] if isinstance(output, Tensor) else list(output))


class _Stacked:
    """Every linear layer is one batched product."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        self.ensemble = Ensemble(members).train()
        self.parameters: list[Tensor] = list(self.ensemble.parameters())

    def __call__(self, *inputs: Tensor) -> tuple[Any, Tensor]:
        prediction, penalty = self.ensemble.batched(*inputs)
        return prediction, penalty.flatten()

    def modules(self) -> list[nn.Module]:
        return [member.model.eval() for member in self.ensemble.members()]  # type: ignore[union-attr]


class _Vmapped:
    """Whatever torch.func can batch."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        self.members = [copy.deepcopy(member).train() for member in members]
        named, self.buffers = stack_module_state(self.members)
        self.named = {name: value.detach().requires_grad_() for name, value in named.items()}
        self.parameters: list[Tensor] = list(self.named.values())
        skeleton = copy.deepcopy(self.members[0]).to("meta")
        self.call = vmap(lambda p, b, inputs: functional_call(skeleton, (p, b), inputs), randomness="different")

    def __call__(self, *inputs: Tensor) -> tuple[Any, Tensor]:
        prediction, penalty = self.call(self.named, self.buffers, inputs)
        return prediction, penalty

    def modules(self) -> list[nn.Module]:
        values = {**self.buffers, **self.named}
        for index, member in enumerate(self.members):
            member.load_state_dict({name: value[index] for name, value in values.items()})
        return [copy.deepcopy(member.model).eval() for member in self.members]  # type: ignore[union-attr]


class _WithPenalty(nn.Module):
    """What a model predicts, and what it adds to the loss if it has a method ``penalty``."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Any, Tensor]:
        penalty = getattr(self.model, "penalty", None)
        return self.model(*inputs), torch.zeros(()) if penalty is None else penalty()
