"""What is known between two trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.transitions import Transitions

if TYPE_CHECKING:
    from mbrl_fast.online.fit import Models

Record = dict[str, Any]
"""A line of metrics.jsonl: plain numbers, and lists of them."""


@dataclass(frozen=True)
class Learnt:
    """What is known after some trials: everything that the next one depends on."""

    trial: int
    """How many there were; 0 after the exploration."""
    data: Transitions
    """All that was seen."""
    records: tuple[Record, ...]
    """A line of metrics.jsonl for each exploration episode and each trial."""
    models: Models | None = None
    """With which the last trial ended; None before the first."""

    @property
    def trials(self) -> list[Record]:
        """The trials' records, without the exploration's."""
        return [record for record in self.records if record["event"] == "trial"]

    @property
    def returns(self) -> NDArray[np.float64]:
        """[trials], the sum of the environment's rewards in each trial's episode."""
        return np.array([record["return"] for record in self.trials])

    @property
    def steps(self) -> NDArray[np.int64]:
        """[trials], real steps when each trial had ended, the exploration's among them."""
        return np.array([record["step"] for record in self.trials], np.int64)
