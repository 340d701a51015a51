"""A contender in a process of its own, for libraries whose threads are fixed when they start."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

Decide = Callable[[NDArray[np.float32] | None], NDArray[np.float32]]
"""One decision, from the noise given or from the contender's own."""


class Child:
    """Answers plans from a process that was started with some environment variables; it takes its own time.

    Args:
        make: a function of its module's top level, so that the child finds it: `make(*arguments)` is the planner there.
    """

    def __init__(self, make: Callable[..., Decide], arguments: tuple[Any, ...], environment: Mapping[str, str]) -> None:
        context = get_context("spawn")
        self._connection, there = context.Pipe()
        before = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        try:
            process = context.Process(target=_serve, args=(there, make, arguments), daemon=True)
            process.start()
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
        there.close()

    def plan(self, noise: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """The first action [A]."""
        return self._ask(noise)[0]

    def timed(self) -> float:
        """Seconds of one plan on the child's clock, its noise included, the pipe not."""
        return self._ask(None)[1]

    def _ask(self, noise: NDArray[np.float32] | None) -> tuple[NDArray[np.float32], float]:
        self._connection.send(noise)
        action, seconds = self._connection.recv()
        return action, seconds


def _serve(connection: Connection, make: Callable[..., Decide], arguments: tuple[Any, ...]) -> None:
    decide = make(*arguments)
    while True:
        try:
            noise = connection.recv()
        except EOFError:
            return
        start = time.perf_counter()
        action = decide(noise)
        connection.send((action, time.perf_counter() - start))
