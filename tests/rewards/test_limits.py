"""Limits: what is within, what is beyond, and what the end of a plan is worth."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from mbrl_fast.rewards import Beyond, Middle, Within

NUMBERS = some.floats(-10, 10, width=32) | some.just(float("nan"))


@given(some.lists(NUMBERS, min_size=3, max_size=3))
def test_the_reward_is_one_exactly_where_no_limit_is_passed(entries: list[float]) -> None:
    limits, state = {0: 2.5, 2: 1.0}, torch.tensor(entries)
    within = abs(float(state[0])) <= 2.5 and abs(float(state[2])) <= 1.0
    assert float(Within(limits)(state)) == within
    assert bool(Beyond(limits)(state)) == (not within)


def test_any_leading_shape_is_welcome() -> None:
    states = torch.randn(4, 5, 3)
    for module in (Within({1: 0.5}), Beyond({1: 0.5}), Middle({1: 0.5, 2: 2.0})):
        assert module(states).shape == (4, 5)
        torch.testing.assert_close(module(states)[2, 3], module(states[2, 3]))
    torch.testing.assert_close(Middle({1: 0.5, 2: 2.0})(states), -(0.5 * states[..., 1] ** 2 + 2.0 * states[..., 2] ** 2))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Beyond({}), "^limits must name at least one state entry, got none$"),
        (lambda: Within({0: 0.0}), "^limits must be greater than 0 and finite, of entries from 0, got 0: 0.0$"),
        (lambda: Beyond({-1: 1.0}), "^limits must be greater than 0 and finite, of entries from 0, got -1: 1.0$"),
        (lambda: Middle({}), "^weights must name at least one state entry, got none$"),
        (lambda: Middle({0: float("inf")}), "^weights must be finite and not negative, of entries from 0, got 0: inf$"),
    ],
)
def test_bad_limits_are_refused_with_a_sentence(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
