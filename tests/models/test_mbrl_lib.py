"""Checkpoints in mbrl-lib's layout: the same numbers, and nothing in them is run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import mbrl_fast as mf
from mbrl_fast.models import from_mbrl_lib
from mbrl_fast.models.array_pickle import load_arrays

MODELS, STATE, ACTION = 7, 4, 1


def weights(outputs: int = STATE, sizes: tuple[int, ...] = (16, 12)) -> dict[str, Tensor]:
    """The state_dict of mbrl-lib 0.2.0's GaussianMLP, as its files name it."""
    generator = torch.Generator().manual_seed(0)
    names = [*(f"hidden_layers.{i}.0" for i in range(len(sizes))), "mean_and_logvar"]
    saved = {name: torch.randn(1, outputs, generator=generator) for name in ("min_logvar", "max_logvar")}
    saved["min_logvar"] -= 5.0
    for name, a, b in zip(names, (STATE + ACTION, *sizes), (*sizes, 2 * outputs), strict=True):
        saved[f"{name}.weight"] = torch.randn(MODELS, a, b, generator=generator) / a**0.5
        saved[f"{name}.bias"] = torch.randn(MODELS, 1, b, generator=generator)
    return saved


def statistics() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {"mean": generator.normal(size=(1, STATE + ACTION)), "std": generator.uniform(0.5, 3, (1, STATE + ACTION))}


def write(folder: Path, saved: dict[str, Tensor], elites: Any = None, stats: Any = None, protocol: int = 4) -> Path:
    torch.save({"state_dict": saved, "elite_models": elites}, folder / "model.pth")
    if stats is not None:
        (folder / "env_stats.pickle").write_bytes(pickle.dumps(stats, protocol))
    return folder


def recomputed(saved: dict[str, Tensor], stats: dict[str, np.ndarray] | None, state: Tensor, action: Tensor) -> list[Tensor]:
    """(mean [M, B, outputs], log variance) as mbrl-lib computes them."""
    x = torch.cat([state, action], -1)
    if stats is not None:
        x = ((x - torch.from_numpy(stats["mean"])) / torch.from_numpy(stats["std"])).float()
    for i in range(sum(name.startswith("hidden_layers") for name in saved) // 2):
        x = x.matmul(saved[f"hidden_layers.{i}.0.weight"]) + saved[f"hidden_layers.{i}.0.bias"]
        x = x * torch.sigmoid(x)
    mean, log_variance = (x.matmul(saved["mean_and_logvar.weight"]) + saved["mean_and_logvar.bias"]).chunk(2, -1)
    most, least = saved["max_logvar"], saved["min_logvar"]
    log_variance = most - torch.log1p(torch.exp(most - log_variance))
    return [mean, least + torch.log1p(torch.exp(log_variance - least))]


@pytest.mark.parametrize("rewards", [False, True])
@pytest.mark.parametrize("elites", [None, [3, 0, 6], [np.int64(5), np.int64(2)]])
@pytest.mark.parametrize("stats", [None, statistics()])
def test_members_give_the_numbers_of_the_checkpoint(tmp_path: Path, rewards: bool, elites: Any, stats: Any) -> None:
    saved = weights(STATE + rewards)
    members = from_mbrl_lib(write(tmp_path, saved, elites, stats), learned_rewards=rewards)
    state, action = torch.randn(6, STATE), torch.randn(6, ACTION)
    mean, log_variance = recomputed(saved, stats, state, action)
    chosen = list(range(MODELS)) if elites is None else [int(index) for index in elites]
    assert len(members) == len(chosen)
    for index, member in zip(chosen, members, strict=True):
        got_mean, got_std = member(state, action)
        torch.testing.assert_close(got_mean, state + mean[index, :, :STATE])
        torch.testing.assert_close(got_std, torch.exp(0.5 * log_variance[index, :, :STATE]))
        assert not member.training


def test_members_export(tmp_path: Path) -> None:
    members = from_mbrl_lib(write(tmp_path, weights(), [1, 4], statistics()))
    sizes: dict[str, Any] = {"state_size": STATE, "action_size": ACTION, "action_low": -1, "action_high": 1, "dt": 0.1}
    problem = mf.export(members, lambda state: -(state**2).sum(-1), **sizes)
    assert problem.members == 2
    assert max(problem.verify().values()) < 1e-5


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", ["<f4", ">f8"])
def test_arrays_are_read_from_any_pickle(protocol: int, kind: str) -> None:
    arrays = {"a": np.arange(6, dtype=kind).reshape(2, 3), "b": np.arange(6, dtype=kind).reshape(2, 3).T}
    for name, value in load_arrays(pickle.dumps(arrays, protocol)).items():
        np.testing.assert_array_equal(value, arrays[name])
    older = pickle.dumps(arrays, 0).replace(b"numpy._core.", b"numpy.core.")
    np.testing.assert_array_equal(load_arrays(older)["b"], arrays["b"])


class Runs:
    """Unpickled, it would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("where", ["statistics", "weights", "elites"])
def test_nothing_in_a_checkpoint_is_run(tmp_path: Path, where: str) -> None:
    trap = Runs(tmp_path / "trap")
    saved: dict[str, Any] = weights()
    if where == "weights":
        saved["mean_and_logvar.bias"] = trap
    write(tmp_path, saved, trap if where == "elites" else None, {"mean": trap} if where == "statistics" else None)
    with pytest.raises(ValueError, match=r"(model\.pth is no checkpoint|env_stats\.pickle holds no statistics).*mkdir"):
        from_mbrl_lib(tmp_path)
    assert not trap.path.exists()


@pytest.mark.parametrize(
    "value", [np.zeros(2, object), np.zeros(2, np.int64), [1.0], {"a": 1}, np.zeros(2, [("x", "f4")]), np.float64(1.0)]
)
def test_statistics_are_arrays_of_floats_and_nothing_else(value: Any) -> None:
    with pytest.raises(pickle.UnpicklingError):
        load_arrays(pickle.dumps({"mean": value}))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_are_refused_with_their_name(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = write(tmp_path_factory.mktemp("damaged"), weights(), [1], statistics())
    path = folder / data.draw(st.sampled_from(["model.pth", "env_stats.pickle"]))
    content = path.read_bytes()[: data.draw(st.integers(0, path.stat().st_size - 1))]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=path.name):
        from_mbrl_lib(folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hidden_layers.0.0.weight": None}, "holds no GaussianMLP"),
        ({"max_logvar": None}, r"holds no GaussianMLP: max_logvar is missing"),
        (
            {"mean_and_logvar.bias": torch.zeros(MODELS, 1, 3)},
            r"mean_and_logvar\.bias must have shape \[7, 1, 8\], got \[7, 1, 3\]",
        ),
        ({"hidden_layers.1.0.weight": torch.zeros(2, 16, 12)}, r"hidden_layers\.1\.0\.weight must have shape \[7, 16, None\]"),
        ({"min_logvar": torch.zeros(1, 3)}, r"min_logvar must have shape \[1, 4\], got \[1, 3\]"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_named(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    saved = {name: value for name, value in {**weights(), **change}.items() if value is not None}
    with pytest.raises(ValueError, match=sentence):
        from_mbrl_lib(write(tmp_path, saved))


def test_other_bad_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no checkpoint of mbrl-lib at .*: the file does not exist"):
        from_mbrl_lib(tmp_path)
    with pytest.raises(ValueError, match=r"elite_models must be below the number of models 7, got \[1, 7\]"):
        from_mbrl_lib(write(tmp_path, weights(), [1, 7]))
    with pytest.raises(ValueError, match="of 5 inputs 5 cannot be a state, with learned_rewards=False"):
        from_mbrl_lib(write(tmp_path, weights(STATE + 1)))
    short = {name: value[:, :3] for name, value in statistics().items()}
    with pytest.raises(ValueError, match=r"env_stats\.pickle: mean and std must have 5 entries, got \[3, 3\]"):
        from_mbrl_lib(write(tmp_path, weights(), stats=short))
