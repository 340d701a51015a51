"""One contender a file. Each has `contenders(problem, ...) -> list[Contender]`, and says what it computes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Contender:
    """plan(): one decision from a cold start, the first action [A]. Noise is `torch.randn`'s or the contender's own.

    Attributes:
        draws_from_torch: whether its noise comes from `torch.randn`, which the check replaces by the core's numbers.
        threads: that it uses, and that PyTorch is told to use while it is timed.
        error: of one that makes no decision to compare: how far its numbers are from the reference's.
        timed: of one that lives in a process of its own: the seconds of one plan, measured there.
    """

    name: str
    plan: Callable[[], NDArray[np.float32]]
    draws_from_torch: bool
    threads: int = 1
    error: Callable[[], float] | None = None
    timed: Callable[[], float] | None = None


class NotInstalledError(Exception):
    """A contender's package is missing: the table says so."""


def need(package: str) -> Any:
    """The imported package, or NotInstalledError."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != package.split(".")[0]:
            raise
        raise NotInstalledError(f"{package.split('.')[0]} is not installed") from None


def gather(makers: Iterable[tuple[str, Callable[[], list[Contender]]]]) -> tuple[list[Contender], dict[str, str]]:
    """The contenders that can run here, and why each of the others cannot."""
    found: list[Contender] = []
    absent: dict[str, str] = {}
    for name, make in makers:
        try:
            found += make()
        except NotInstalledError as error:
            absent[name] = str(error)
    return found, absent


def named(name: str, threads: int) -> str:
    """The name with the number of threads."""
    return f"{name}, {threads} thread{'s' * (threads > 1)}"
