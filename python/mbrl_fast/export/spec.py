"""What is exported: the callables and the sizes around them, filled from an environment where they are not given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from mbrl_fast.models.ensemble import Ensemble

from .program import FloatArray

Slot = nn.Module | Callable[..., Any]
InputShape = int | Sequence[int | str]
HORIZON = "horizon"


@dataclass(frozen=True)
class Input:
    """A run-time input: `shape` per plan, or per model step."""

    name: str
    shape: tuple[int, ...]
    per_step: bool

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class ExportSpec:
    """Everything that `export` was given, so that `update` can do it again with new modules.

    Attributes:
        dynamics: The members of the ensemble, or one.
        slots: reward, termination, terminal_value, policy, observe: those given.
        action_low: `[action_size]`, and `action_high` likewise.
        dt: Seconds of one model step.
        reward_bound: What no reward exceeds, or None: whatever can be derived.
    """

    dynamics: tuple[Slot, ...]
    slots: Mapping[str, Slot]
    state_size: int
    action_size: int
    observation_size: int
    inputs: tuple[Input, ...]
    action_low: FloatArray
    action_high: FloatArray
    dt: float
    names: Mapping[str, list[str]] = field(default_factory=dict)
    reward_bound: float | None = None


def members_of(dynamics: Any) -> tuple[Slot, ...]:
    """A list of modules as an ensemble, anything else as its single member.

    An ``Ensemble`` gives its members: traced one by one they make a leaner Program than all at once.
    """
    if isinstance(dynamics, Ensemble):
        dynamics = dynamics.members()
    many = isinstance(dynamics, (list, tuple, nn.ModuleList))
    members = tuple(uncompiled(member) for member in (dynamics if many else [dynamics]))
    if not members or not all(callable(member) for member in members):
        raise TypeError(f"dynamics must be a module, a function or a list of modules, got {type(dynamics).__name__}")
    return members


def bound_of(bound: Any, reward: Slot | None) -> float | None:
    """A declared reward bound, checked."""
    if bound is None:
        return None
    if reward is None:
        raise ValueError(f"reward_bound needs a reward, got reward_bound={bound} without one")
    if isinstance(bound, bool) or not isinstance(bound, (int, float, np.integer, np.floating)) or not math.isfinite(bound):
        raise ValueError(f"reward_bound must be a finite number, got {bound!r}")
    return float(bound)


def uncompiled(slot: Any) -> Any:
    """The module that torch.compile wrapped, or the slot itself."""
    return getattr(slot, "_orig_mod", slot)


def inputs_of(inputs: Mapping[str, InputShape] | None) -> tuple[Input, ...]:
    """`{"goal": 6, "obstacles": (10, 3), "reference": ("horizon", 2)}` as Inputs."""
    result = []
    for name, given in (inputs or {}).items():
        shape = [given] if isinstance(given, (int, str, np.integer)) else list(given)
        per_step = bool(shape) and shape[0] == HORIZON
        rest = shape[1:] if per_step else shape
        if not all(isinstance(size, (int, np.integer)) and size > 0 for size in rest):
            raise ValueError(f'shape of input {name} must be positive sizes, the first may be "horizon", got {given!r}')
        if not name.isidentifier() or name in RESERVED:
            raise ValueError(f"an input must be named like an argument and not {', '.join(RESERVED)}, got {name!r}")
        result.append(Input(name, tuple(int(size) for size in rest), per_step))
    return tuple(result)


RESERVED = ("state", "action", "next_state", "previous_action", "time", "noise", "observation")


def fill(env: Any, **given: Any) -> dict[str, Any]:
    """Sizes, bounds, dt, inputs and names: those given, the rest from `env`, a task or a Gymnasium environment.

    Raises:
        ValueError: For what neither gives.
    """
    found = {} if env is None else _from_task(env) if hasattr(env, "state_size") else _from_env(env)
    merged: dict[str, Any] = {key: found.get(key) if value is None else value for key, value in given.items()}
    low, high = merged["action_low"], merged["action_high"]
    if merged["action_size"] is None:
        merged["action_size"] = max((int(np.size(bound)) for bound in (low, high) if np.ndim(bound)), default=None)
    missing = [key for key in ("state_size", "action_size", "action_low", "action_high", "dt") if merged[key] is None]
    if missing:
        raise ValueError(f"export needs {', '.join(missing)}: give them, or an env that has them")
    for size in ("state_size", "action_size"):
        if not isinstance(merged[size], (int, np.integer)) or merged[size] < 1:
            raise ValueError(f"{size} must be a positive integer, got {merged[size]!r}")
    merged["action_low"] = _bound(low, merged["action_size"], "action_low")
    merged["action_high"] = _bound(high, merged["action_size"], "action_high")
    if np.any(merged["action_low"] >= merged["action_high"]):
        raise ValueError(f"action_low must be < action_high, got {low} and {high}")
    if not (math.isfinite(merged["dt"]) and merged["dt"] > 0):
        raise ValueError(f"dt must be a positive number of seconds, got {merged['dt']}")
    return merged


def _bound(value: Any, size: int, name: str) -> FloatArray:
    array = np.asarray(value, np.float32)
    if array.ndim > 1 or array.size not in (1, size) or not np.isfinite(array).all():
        raise ValueError(f"{name} must be a finite number or {size} of them, got {value}")
    return np.ascontiguousarray(np.broadcast_to(array, (size,)))


_TASK_FIELDS = ("state_size", "action_size", "action_low", "action_high", "dt", "inputs")
_NAME_FIELDS = ("state_names", "action_names", "state_units", "action_units")


def _from_task(task: Any) -> dict[str, Any]:
    return {key: getattr(task, key) for key in (*_TASK_FIELDS, *_NAME_FIELDS) if hasattr(task, key)}


def _from_env(env: Any) -> dict[str, Any]:
    """Of a Gymnasium environment: spaces, and dt from `policy_frequency` or `dt`."""
    found: dict[str, Any] = {}
    space = env.action_space
    if not hasattr(space, "low"):
        raise ValueError(f"the env's actions must be continuous (a Box), got {space}")
    found.update(action_size=int(np.prod(space.shape)), action_low=space.low.reshape(-1), action_high=space.high.reshape(-1))
    observed = env.observation_space
    spaces = getattr(observed, "spaces", {})
    if "observation" in spaces:
        observed = spaces["observation"]
    if len(getattr(observed, "shape", None) or ()) == 1:
        found["state_size"] = int(observed.shape[0])
        found["observation_size"] = found["state_size"]
    inner = env.unwrapped
    frequency = (getattr(inner, "config", None) or {}).get("policy_frequency") if hasattr(inner, "config") else None
    dt = 1.0 / frequency if frequency else getattr(inner, "dt", None)
    if dt is not None:
        found["dt"] = float(dt)
    return found
