"""What planners of this kind get wrong: each mistake as a change to the reference, and the sentence that explains it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from .exercise import Exercise, Switches, Trace, solve

CLOSE = 1e-4
"""Actions and states that differ by less, relative to the largest, are the same."""


@dataclass(frozen=True)
class Mistake:
    """A name, what it changes in the reference, and a sentence with the exercise's numbers to be filled in."""

    name: str
    changes: dict[str, Any]
    sentence: str


MISTAKES = (
    Mistake(
        "unbiased std", {"unbiased": True},
        "The std of the elites is divided by K - 1, torch's default, and not by K: it is {bessel:.3f} times too large. "
        "Pass unbiased=False.",
    ),
    Mistake("variance for std", {"variance": True}, "The variance of the elites is used where their std should be."),
    Mistake(
        "bounds not clipped", {"clip": False},
        "Candidates leave the bounds [{low:g}, {high:g}]: they must be clipped before they are rolled out and refitted.",
    ),
    Mistake(
        "minimises", {"minimise": True},
        "The candidates with the smallest returns are taken for elites: rewards are maximised (or the reward's sign is wrong).",
    ),
    Mistake(
        "last reward only", {"last_reward_only": True},
        "Candidates are ranked by the reward of their last state: the return is the sum of the rewards of all {steps} states.",
    ),
    Mistake(
        "state does not advance", {"advance": False},
        "Every model step begins at the first state: the model's answer must be the state of the next step.",
    ),
    Mistake("mean not refitted", {"refit_mean": False}, "The mean of the candidates stays as it was: it must become the elites'."),
    Mistake("std not refitted", {"refit_std": False}, "The std of the candidates stays as it was: it must become the elites'."),
    Mistake("last knot answered", {"answer": "last"}, "The answer is the last action of the plan: it must be the first."),
    Mistake(
        "best candidate answered", {"answer": "best"},
        "The answer is the best candidate of the last iteration: it must be the mean of the elites.",
    ),
)  # fmt: skip
"""Those that are found by trying them, alone and two at a time."""


def explain(exercise: Exercise, seen: Trace, base: Switches) -> list[Mistake] | None:
    """The fewest mistakes, at most two, with which the reference does what was seen; None if there are none."""
    for together in _sets():
        changes = {key: value for mistake in together for key, value in mistake.changes.items()}
        tried = solve(exercise, replace(base, **changes), go_on=lambda trace: same_iteration(seen, trace, len(trace.actions) - 1))
        if first_difference(seen, tried) is None:
            return list(together)
    return None


def _sets() -> Iterator[tuple[Mistake, ...]]:
    yield ()
    for count in (1, 2):
        for together in combinations(MISTAKES, count):
            if len({key for mistake in together for key in mistake.changes}) == count:
                yield together


def first_difference(seen: Trace, expected: Trace) -> str | None:
    """ "shapes", "candidates i", "states i" of the first iteration i (from 0) that differs, "answer", or None."""
    if len(seen.actions) != len(expected.actions):
        return "shapes"
    for i, (ours, theirs) in enumerate(zip(expected.actions, seen.actions, strict=True)):
        if ours.shape != theirs.shape or seen.states[i].shape != expected.states[i].shape:
            return "shapes"
        if not same(theirs, ours):
            return f"candidates {i}"
        if not same(seen.states[i], expected.states[i]):
            return f"states {i}"
    return None if same(seen.answer, expected.answer) else "answer"


def same_iteration(seen: Trace, expected: Trace, i: int) -> bool:
    """Whether the states and the actions of iteration ``i`` are the same."""
    pairs = ((seen.actions[i], expected.actions[i]), (seen.states[i], expected.states[i]))
    return all(one.shape == other.shape and same(one, other) for one, other in pairs)


def same(seen: Tensor, expected: Tensor) -> bool:
    """Whether two tensors of one shape differ by rounding alone; where a model diverges both do."""
    scale = float(torch.where(expected.isfinite(), expected, 0.0).abs().max()) + 1e-6
    return torch.allclose(seen.float(), expected.float(), rtol=0, atol=CLOSE * scale, equal_nan=True)
