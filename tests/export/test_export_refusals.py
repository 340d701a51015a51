"""What cannot be exported is refused with the operation, the user's line and what to do instead."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from exporting import Linear, drift, export
from torch import Tensor, nn

import mbrl_fast as mf


def centred(state: Tensor, action: Tensor) -> Tensor:
    return state - state.mean(0)


def flipped(state: Tensor, action: Tensor) -> Tensor:
    return state.flip(0)


def numbered(state: Tensor, action: Tensor) -> Tensor:
    return state + torch.arange(len(state))[:, None]


def softmax_over_candidates(state: Tensor, action: Tensor) -> Tensor:
    return state.softmax(0)


def everything(state: Tensor, action: Tensor) -> Tensor:
    return state / state.sum()


def merged(state: Tensor, action: Tensor) -> Tensor:
    return state.reshape(6, -1).T.reshape(-1, 6)


def outer(state: Tensor, action: Tensor) -> Tensor:
    return state + (state @ state.T).sum(1, keepdim=True)


MIXING = [centred, flipped, numbered, softmax_over_candidates, everything, merged, outer]


@pytest.mark.parametrize("dynamics", MIXING, ids=lambda function: function.__name__)
def test_a_model_that_mixes_candidates_is_refused(dynamics: Any) -> None:
    with pytest.raises(mf.ExportError, match="mixes candidates"):
        export(dynamics)


def test_mixing_candidates_names_the_operation_and_the_line() -> None:
    with pytest.raises(mf.ExportError, match=r"mean\.dim at line \d+ of test_export_refusals.py: `return state - state.mean\(0\)`"):
        export(centred)


def test_a_model_that_depends_on_the_batch_size_is_found_by_its_numbers() -> None:
    with pytest.raises(RuntimeError, match="next_state of step differs from the module in float64"):
        export(lambda state, action: state / len(state))


def sorts(state: Tensor, action: Tensor) -> Tensor:
    return state.sort(-1).values


def convolves(state: Tensor, action: Tensor) -> Tensor:
    return torch.nn.functional.conv1d(state.unsqueeze(1), torch.ones(1, 1, 3), padding=1).squeeze(1)


def inverts(state: Tensor, action: Tensor) -> Tensor:
    return state + torch.linalg.inv(torch.diag_embed(state)).sum(-1)


def transforms(state: Tensor, action: Tensor) -> Tensor:
    return torch.fft.rfft(state, dim=-1).abs()[:, :1] + state


@pytest.mark.parametrize("dynamics", [sorts, convolves, inverts, transforms], ids=lambda function: function.__name__)
def test_an_unsupported_operation_is_refused_with_the_supported_list(dynamics: Any) -> None:
    with pytest.raises(mf.ExportError, match=r"at line \d+ of test_export_refusals.py.*cannot be exported.*Supported are: abs, "):
        export(dynamics)


def test_random_numbers_in_a_model_are_refused() -> None:
    with pytest.raises(mf.ExportError, match=r"random numbers.*mean and the standard deviation"):
        export(lambda state, action: state + torch.randn_like(state))


def test_a_branch_on_a_value_is_refused_with_its_line() -> None:
    def branches(state: Tensor, action: Tensor) -> Tensor:
        if state.sum() > 0:
            return state
        return -state

    with pytest.raises(mf.ExportError, match=r"line \d+ of test_export_refusals.py: `if state.sum\(\) > 0:`.*torch.where"):
        export(branches)


def test_a_mask_as_an_index_is_refused() -> None:
    with pytest.raises(mf.ExportError, match=r"torch\.where"):
        export(lambda state, action: state + state[state > 0].sum())


def test_writing_into_an_argument_is_refused_with_the_remedy() -> None:
    def writes(state: Tensor, action: Tensor) -> Tensor:
        state[:, 0] = 0
        return state

    with pytest.raises(mf.ExportError, match=r"writes into its argument state at line .*state = state\.clone\(\)"):
        export(writes)


class Counting(Linear):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(state, action)


def test_writing_into_a_buffer_is_refused() -> None:
    with pytest.raises(mf.ExportError, match="writes into calls"):
        export(Counting())


class WithDropout(Linear):
    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.1)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        return self.drop(super().forward(state, action))


class WithBatchNorm(WithDropout):
    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.BatchNorm1d(6)


@pytest.mark.parametrize(("model", "name"), [(WithDropout, r"drop \(Dropout\)"), (WithBatchNorm, r"drop \(BatchNorm1d\)")])
def test_a_module_in_training_mode_is_refused_by_name(model: Any, name: str) -> None:
    with pytest.raises(mf.ExportError, match=rf"{name}.*training mode. Call .eval\(\)"):
        export(model())


def test_the_same_module_in_evaluation_mode_exports() -> None:
    assert export(WithDropout().eval()).members == 1


class HalfPrecision(Linear):
    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return super().forward(state, action).float()


def test_autocast_is_refused() -> None:
    with pytest.raises(mf.ExportError, match=r"bfloat16.*autocast"):
        export(HalfPrecision())


def test_a_covariance_beside_the_diagonal_is_refused() -> None:
    full = torch.eye(6) + 0.1
    with pytest.raises(mf.ExportError, match="diagonal"):
        export(lambda state, action: torch.distributions.MultivariateNormal(state, scale_tril=torch.linalg.cholesky(full)))


def test_a_wrong_shape_is_refused_with_both_shapes() -> None:
    with pytest.raises(mf.ExportError, match=r"dynamics must return \[B, 6\] .* got \[B, 3\]"):
        export(lambda state, action: state[:, :3])
    with pytest.raises(mf.ExportError, match=r"reward must return \[B\] or \[B, 1\] .* got \[B, 6\]"):
        export(drift, lambda state: state)


def test_a_layer_of_the_wrong_size_is_refused_with_its_line() -> None:
    with pytest.raises(mf.ExportError, match=r"line \d+ of exporting.py.*cannot be traced"):
        export(Linear(), state_size=5)


def test_a_wrong_kind_of_output_is_refused() -> None:
    with pytest.raises(mf.ExportError, match=r"must return a tensor, .* got dict"):
        export(lambda state, action: {"next_state": state})


def test_nan_weights_are_refused() -> None:
    module = Linear()
    module.layer.weight.data[0, 0] = float("nan")
    with pytest.raises(mf.ExportError, match="NaN"):
        export(module)
    with pytest.raises(mf.ExportError, match="NaN"):
        export(lambda state, action: state + torch.tensor([float("nan"), 0, 0, 0, 0, 0]))


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(mf.ExportError, match=r"complex|not supported"):
        export(lambda state, action: (state * torch.tensor(1j)).real)


@pytest.mark.parametrize("dynamics", [3, "model", None, []])
def test_something_that_cannot_be_called_is_a_type_error(dynamics: Any) -> None:
    with pytest.raises(TypeError, match="dynamics must be"):
        export(dynamics)
