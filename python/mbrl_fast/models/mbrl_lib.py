"""Models that mbrl-lib has trained: its checkpoints as members of ours."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .array_pickle import load_arrays
from .gaussian import Gaussian

MODEL, STATISTICS = "model.pth", "env_stats.pickle"


def from_mbrl_lib(folder: str | os.PathLike[str], learned_rewards: bool = False) -> list[Gaussian]:
    """The members of an ensemble that mbrl-lib 0.2 has saved (``GaussianMLP`` in a ``OneDTransitionRewardModel``).

    Weights are read as data and nothing in the files is run. What a checkpoint does not tell is taken to be as in mbrl-lib's
    own configurations: activations are SiLU, and targets are changes of the state, of every entry (``no_delta_list`` empty,
    ``obs_process_fn`` none).

    Args:
        folder: holds ``model.pth`` and, if inputs were normalised, ``env_stats.pickle``.
        learned_rewards: whether the last output is a reward, as the model was made to have it. It is left out.

    Returns:
        The elite models if the checkpoint names some, best first, else all; in evaluation mode, to be exported or trained on.
        ValueError names the file and what is wrong with it.
    """
    path = Path(folder) / MODEL
    weights, elites = _read(path)
    layers = _layers(path, weights)
    count, inputs, _ = layers[0][0].shape
    outputs = layers[-1][0].shape[2] // 2
    state_size = outputs - learned_rewards
    if not 1 <= state_size < inputs:
        raise ValueError(f"{path}: of {inputs} inputs {state_size} cannot be a state, with learned_rewards={learned_rewards}")
    chosen = range(count) if elites is None else elites
    if any(not 0 <= index < count for index in chosen):
        raise ValueError(f"{path}: elite_models must be below the number of models {count}, got {list(chosen)}")
    bounds = [_tensor(path, weights, name, (1, outputs))[0, :state_size] for name in ("max_logvar", "min_logvar")]
    scales = _statistics(Path(folder) / STATISTICS, inputs)
    sizes = [weight.shape[2] for weight, _ in layers[:-1]]
    members = [Gaussian(state_size, inputs - state_size, sizes).eval() for _ in chosen]
    for index, member in zip(chosen, members, strict=True):
        _fill(member, [(weight[index], bias[index]) for weight, bias in layers], bounds, scales)
    return members


@torch.no_grad()
def _fill(member: Gaussian, layers: list[tuple[Tensor, Tensor]], bounds: list[Tensor], scales: tuple[Tensor, Tensor]) -> None:
    """Copies weights [in, out] and biases [1, out]; of the outputs, means and then log variances, those of the state."""
    *hidden, last = layers
    size, outputs = member.state_size, last[1].shape[1] // 2
    kept = [*range(size), *range(outputs, outputs + size)]
    linears = [layer for layer in member.network if isinstance(layer, nn.Linear)]
    for layer, (weight, bias) in zip(linears, [*hidden, (last[0][:, kept], last[1][:, kept])], strict=True):
        layer.weight.copy_(weight.T)
        layer.bias.copy_(bias[0])
    member.most_log_variance.copy_(bounds[0])
    member.least_log_variance.copy_(bounds[1])
    member.input_mean.copy_(scales[0])
    member.input_std.copy_(scales[1])


def _layers(path: Path, weights: Mapping[str, Any]) -> list[tuple[Tensor, Tensor]]:
    """(weight [M, in, out], bias [M, 1, out]) of each layer, which fit together."""
    depth = sum(name.startswith("hidden_layers.") and name.endswith(".0.weight") for name in weights)
    layers: list[tuple[Tensor, Tensor]] = []
    count, size = None, None
    for name in [*(f"hidden_layers.{i}.0" for i in range(depth)), "mean_and_logvar"]:
        weight = _tensor(path, weights, f"{name}.weight", (count, size, None))
        count, _, size = weight.shape
        layers.append((weight, _tensor(path, weights, f"{name}.bias", (count, 1, size))))
    if depth == 0 or size != 2 * _tensor(path, weights, "max_logvar", (1, None)).shape[1]:
        raise ValueError(
            f"{path} holds no GaussianMLP that says its variance, got layers of {[len(b[0, 0]) for _, b in layers]} units"
        )
    return layers


def _read(path: Path) -> tuple[Mapping[str, Any], list[int] | None]:
    """The weights by name, and the elite models, which mbrl-lib writes as NumPy's integers."""
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint of mbrl-lib at {path}: the file does not exist")
    scalar: Any = np.int64(0).__reduce__()[0]
    harmless = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    try:
        with torch.serialization.safe_globals([*harmless, np.dtype, np.dtypes.Int64DType]):
            saved = torch.load(path, map_location="cpu", weights_only=True)
        weights, elites = saved["state_dict"], saved["elite_models"]
        return dict(weights), None if elites is None else [int(index) for index in elites]
    except Exception as error:  # torch, zip and pickle each have their own, and torch's words advise to run what is in the file
        unknown = re.search(r"GLOBAL (\S+)", str(error))
        reason = f"it holds {unknown[1]}" if unknown else f"it cannot be read, {type(error).__name__}"
        raise ValueError(f"{path} is no checkpoint of mbrl-lib: {reason}") from error


def _tensor(path: Path, weights: Mapping[str, Any], name: str, shape: tuple[int | None, ...]) -> Tensor:
    """A tensor of this shape, None for any length."""
    value = weights.get(name)
    if not isinstance(value, Tensor):
        raise ValueError(f"{path} holds no GaussianMLP: {name} is missing")
    if value.dim() != len(shape) or any(b not in (None, a) for a, b in zip(value.shape, shape, strict=True)):
        raise ValueError(f"{path}: {name} must have shape {list(shape)}, got {list(value.shape)}")
    return value.float()


def _statistics(path: Path, inputs: int) -> tuple[Tensor, Tensor]:
    """(mean, standard deviation) of the inputs; 0 and 1 where none are kept."""
    if not path.is_file():
        return torch.zeros(inputs), torch.ones(inputs)
    try:
        statistics = load_arrays(path.read_bytes())
        values = [np.asarray(statistics[name], np.float32).reshape(-1) for name in ("mean", "std")]
    except Exception as error:  # a pickle can fail in any way
        raise ValueError(f"{path} holds no statistics ({type(error).__name__}: {error})") from error
    if any(value.shape != (inputs,) for value in values):
        raise ValueError(f"{path}: mean and std must have {inputs} entries, got {[len(value) for value in values]}")
    mean, std = values
    return torch.from_numpy(mean), torch.from_numpy(std)
