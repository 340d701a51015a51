"""Words for what the core numbers: what counts of a candidate's trajectories, and how particles are propagated."""

from __future__ import annotations

from mbrl_fast import _core

OBJECTIVES = ("mean", "mean_std", "mean_within", "mean_between", "worst", "cvar", "entropic")
PROPAGATIONS = ("ts_inf", "ts1")


def native_objective(word: str) -> _core.Objective:
    """The core's value for one of ``OBJECTIVES``. Raises ValueError for another word."""
    objective: _core.Objective = getattr(_core.Objective, _one_of("objective", word, OBJECTIVES))
    return objective


def native_propagation(word: str) -> _core.Propagation:
    """The core's value for one of ``PROPAGATIONS``. Raises ValueError for another word."""
    propagation: _core.Propagation = getattr(_core.Propagation, _one_of("propagation", word, PROPAGATIONS))
    return propagation


def _one_of(name: str, word: str, words: tuple[str, ...]) -> str:
    if word not in words:
        *others, last = (f"'{known}'" for known in words)
        raise ValueError(f"{name} must be {', '.join(others)} or {last}, got {word!r}")
    return word
