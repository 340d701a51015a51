"""Values while a graph is lowered: constants, and arrays of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .errors import Refusal
from .program import IntArray

if TYPE_CHECKING:
    from .tools import Tools

BATCH = 17
"""Example batch of every trace: a prime, so that a merged candidate axis is not taken for another one."""


@dataclass(frozen=True)
class Const:
    """A tensor known at export: one per ensemble member, or a single one for all.

    `stand_in` is what it would be had every parameter and buffer other values. Two constants are taken for the same,
    or for a 0 or 1 that drops an operation, only if their stand-ins are too: so new weights never change the graph.
    """

    tensors: tuple[Tensor, ...]
    stand_in: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of each member's tensor."""
        return tuple(self.tensors[0].shape)


@dataclass(frozen=True)
class Rows:
    """A tensor of the traced graph, as the rows that hold its elements.

    `ids` has the tensor's own example shape (with the candidate axis really BATCH long, wherever it is); each
    element is `row * BATCH + candidate`, the candidate being 0 for constant and uniform rows. A view of the tensor
    is the same view of `ids`, which is why views cost nothing, merged axes need no rules, and whatever permutes or
    mixes candidates is seen.
    """

    ids: Tensor
    tools: Tools

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the traced tensor."""
        return tuple(self.ids.shape)

    def __add__(self, other: Operand) -> Rows:
        return self.tools.map("add", self, other)

    def __radd__(self, other: Operand) -> Rows:
        return self.tools.map("add", other, self)

    def __sub__(self, other: Operand) -> Rows:
        return self.tools.map("sub", self, other)

    def __rsub__(self, other: Operand) -> Rows:
        return self.tools.map("sub", other, self)

    def __mul__(self, other: Operand) -> Rows:
        return self.tools.map("mul", self, other)

    def __rmul__(self, other: Operand) -> Rows:
        return self.tools.map("mul", other, self)

    def __truediv__(self, other: Operand) -> Rows:
        return self.tools.map("div", self, other)

    def __rtruediv__(self, other: Operand) -> Rows:
        return self.tools.map("div", other, self)

    def __neg__(self) -> Rows:
        return self.tools.map("neg", self)


Operand = Rows | Const | Tensor | float | int | bool


def unique_rows(matrix: NDArray[np.int64]) -> tuple[IntArray, IntArray]:
    """Distinct rows of `[n, k]` in order of first appearance: (positions `[u]`, inverse `[n]`).

    Hashes a row to one integer and sorts those, which is far faster than sorting rows; a collision is detected.
    """
    n, k = matrix.shape
    factors = np.random.default_rng(k).integers(1, 2**63 - 1, size=k, dtype=np.int64) | 1
    with np.errstate(over="ignore"):
        keys = (matrix * factors).sum(axis=1, dtype=np.int64) if k else np.zeros(n, np.int64)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    if not np.array_equal(matrix[first[inverse]], matrix):
        _, first, inverse = np.unique(matrix, axis=0, return_index=True, return_inverse=True)
        inverse = inverse.reshape(-1)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse]


def common_candidate(ids: IntArray, lane: NDArray[np.bool_]) -> IntArray:
    """The candidate that each group `[n, k]` of elements belongs to, `[n]`; 0 without lane rows.

    Raises:
        Refusal: If a group has elements of two candidates.
    """
    candidate = np.where(lane, ids % BATCH, -1)
    owner = candidate.max(axis=1, initial=-1)
    if not np.all((candidate == -1) | (candidate == owner[:, None])):
        raise Refusal(
            "it mixes candidates: one candidate's result would depend on the others in the batch. "
            "Reduce, index, sort and concatenate along feature axes only, never along the batch"
        )
    return np.asarray(np.maximum(owner, 0))
