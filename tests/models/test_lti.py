"""The LTI network is the notebook's, with options."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mbrl_fast.models import LTI
from mbrl_fast.reference import DynamicsModel


def test_the_default_is_the_notebooks_model_with_the_same_weights() -> None:
    ours, notebook = LTI(), DynamicsModel()
    for (first, second), net in (((notebook.A1, notebook.A2), ours.a_net), ((notebook.B1, notebook.B2), ours.b_net)):
        torch.nn.init.zeros_(first.weight[:, :2].detach())
        net[0].weight.data, net[0].bias.data = first.weight.data[:, 2:], first.bias.data
        net[2].weight.data, net[2].bias.data = second.weight.data, second.bias.data
    state, action = torch.randn(7, 6), torch.randn(7, 2)
    torch.testing.assert_close(ours(state, action), notebook(state, action), atol=1e-6, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 5), st.integers(1, 3), st.integers(1, 9), st.integers(1, 3), st.integers(0, 4), st.booleans(),
    st.lists(st.integers(1, 3), max_size=2),
)  # fmt: skip
def test_any_sizes_give_a_next_state_of_the_states_shape(
    state_size: int, action_size: int, hidden: int, layers: int, position: int, columns: bool, batch: list[int]
) -> None:
    model = LTI(state_size, action_size, hidden, layers, position_size=min(position, state_size - 1), position_columns=columns)
    state, action = torch.randn(*batch, state_size), torch.randn(*batch, action_size)
    assert model(state, action).shape == state.shape


def test_without_position_columns_the_change_does_not_depend_on_the_position() -> None:
    model, action = LTI(position_columns=False), torch.randn(5, 2)
    state, moved = torch.randn(5, 6), torch.randn(1, 2)
    shifted = torch.cat([state[:, :2] + moved, state[:, 2:]], dim=-1)
    torch.testing.assert_close(model(shifted, action) - shifted, model(state, action) - state, atol=1e-5, rtol=1e-4)


def test_with_position_columns_it_does() -> None:
    model, state, action = LTI(), torch.randn(5, 6), torch.randn(5, 2)
    shifted = state + torch.tensor([1.0, 1.0, 0, 0, 0, 0])
    assert (model(shifted, action) - shifted - model(state, action) + state).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"hidden_size": 0}, "hidden_size must be at least 1, got hidden_size=0"),
        ({"layers": 0}, "layers must be at least 1, got layers=0"),
        ({"position_size": 6}, r"position_size must be in \[0, 6\) of state_size=6, got position_size=6"),
    ],
)
def test_bad_options_are_refused_with_a_sentence(options: dict[str, int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LTI(**options)  # type: ignore[arg-type]
