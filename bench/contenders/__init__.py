"""One contender a file. Each has `contenders(problem) -> list[Contender]`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Contender:
    """plan(): one decision from a cold start, the first action [A]. Noise is `torch.randn`'s or the contender's own."""

    name: str
    plan: Callable[[], NDArray[np.float32]]
    draws_from_torch: bool
    """Whether its noise comes from `torch.randn`, which the check replaces by the core's numbers."""
