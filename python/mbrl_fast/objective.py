"""What counts of an ensemble: words for the core's objectives over members."""

from __future__ import annotations

from mbrl_fast import _core

OBJECTIVES = ("mean", "mean_std", "worst", "cvar")


def native_objective(word: str) -> _core.Objective:
    """The core's value for one of ``OBJECTIVES``. Raises ValueError for another word."""
    if word not in OBJECTIVES:
        raise ValueError(f"objective must be 'mean', 'mean_std', 'worst' or 'cvar', got {word!r}")
    objective: _core.Objective = getattr(_core.Objective, word)
    return objective
