"""Exports PyTorch modules to a Problem: trace, lower, fuse, write, verify."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from .assemble import assemble, bind_all
from .errors import ExportError
from .file import graph_of, to_bytes
from .spec import ExportSpec, InputShape, Slot, bound_of, fill, inputs_of, members_of, uncompiled

if TYPE_CHECKING:
    from mbrl_fast.problem import Problem

__all__ = ["ExportError", "ExportSpec", "build", "export", "update"]


def export(
    dynamics: Slot | Sequence[Slot],
    reward: Slot | None = None,
    *,
    env: Any = None,
    state_size: int | None = None,
    action_size: int | None = None,
    inputs: Mapping[str, InputShape] | None = None,
    action_low: ArrayLike | None = None,
    action_high: ArrayLike | None = None,
    dt: float | None = None,
    terminal_value: Slot | None = None,
    termination: Slot | None = None,
    policy: Slot | None = None,
    observe: Slot | None = None,
    observation_size: int | None = None,
    state_names: Sequence[str] | None = None,
    action_names: Sequence[str] | None = None,
    state_units: Sequence[str] | None = None,
    action_units: Sequence[str] | None = None,
    reward_bound: float | None = None,
) -> Problem:
    """Exports PyTorch modules (or plain functions of tensors) to a Problem that plans without PyTorch.

    Callables are bound by the names of their arguments: `state [B, S]`, `action [B, A]`, `next_state [B, S]`,
    `previous_action [B, A]`, `time [B]` (seconds since the plan began) and the run-time inputs, singular or plural.

    Args:
        dynamics: `f(state, action) -> next_state [B, S]`, or `(mean, std)`, Normal, Independent or a diagonal
            MultivariateNormal; a list of modules is an ensemble.
        reward: `r(state, action, next_state, ...) -> [B]`, larger is better.
        env: A task or Gymnasium environment that sizes, bounds and dt are taken from where they are not given.
        state_size: S.
        action_size: A.
        inputs: Run-time inputs and their shapes: `{"goal": 6, "obstacles": (10, 3), "reference": ("horizon", 2)}`.
        action_low: Bounds of the action, `[A]` or a number.
        action_high: Likewise.
        dt: Seconds of one model step.
        terminal_value: `v(state) -> [B]`, added at the end of a plan.
        termination: `t(state) -> [B]` bool, of the state reached: afterwards a candidate collects nothing more.
        policy: `p(state) -> [B, A]`.
        observe: `o(observation [B, O]) -> state [B, S]`.
        observation_size: O; the state's size if not given.
        state_names: For people. So are `action_names` and the units.
        action_names: See `state_names`.
        state_units: See `state_names`.
        action_units: See `state_names`.
        reward_bound: No reward of a step is ever larger, for actions within the bounds: planners then leave candidates unfinished
            that can no longer be among the best. Without it the bound is derived from the graph where possible, see
            `Problem.reward_bound`. A bound that is too low makes plans worse.

    Raises:
        ExportError: A ValueError that names the operation, the source line and what to do.
        ValueError: For sizes, bounds and dt, and for a reward_bound that a test vector exceeds.
        RuntimeError: If the exported Problem does not give the module's numbers.
    """
    from mbrl_fast.problem import Problem

    slots = {"reward": reward, "termination": termination, "terminal_value": terminal_value, "policy": policy, "observe": observe}
    filled = fill(
        env, state_size=state_size, action_size=action_size, action_low=action_low, action_high=action_high, dt=dt,
        inputs=inputs, observation_size=observation_size, state_names=state_names, action_names=action_names,
        state_units=state_units, action_units=action_units,
    )  # fmt: skip
    filled["reward_bound"] = bound_of(reward_bound, reward)
    spec = _spec(members_of(dynamics), {name: uncompiled(slot) for name, slot in slots.items() if slot is not None}, filled)
    return Problem(build(spec), spec)


def _spec(dynamics: tuple[Slot, ...], slots: dict[str, Slot], filled: dict[str, Any]) -> ExportSpec:
    names = {}
    for key, size in (("state_names", "state_size"), ("action_names", "action_size"), ("state_units", "state_size"),
                      ("action_units", "action_size")):  # fmt: skip
        names[key] = [str(name) for name in filled[key] or ()]
        if len(names[key]) not in (0, filled[size]):
            raise ValueError(f"{key} must have {filled[size]} entries or none, got {len(names[key])}")
    for name, slot in slots.items():
        if not callable(slot):
            raise TypeError(f"{name} must be a module or a function, got {type(slot).__name__}")
    return ExportSpec(
        dynamics, slots, int(filled["state_size"]), int(filled["action_size"]),
        int(filled["observation_size"] or filled["state_size"]), inputs_of(filled["inputs"]),
        filled["action_low"], filled["action_high"], float(filled["dt"]), names, filled["reward_bound"],
    )  # fmt: skip


def build(spec: ExportSpec, check: bool = True) -> bytes:
    """The bytes of the Problem file; `check=False` leaves the comparison with the modules out."""
    from .verify import check_reward_bound, test_vectors, verify

    bounds = bind_all(spec)
    graph, tensors = graph_of(spec, assemble(spec, bounds))
    tensors.update(test_vectors(spec, bounds, graph))
    check_reward_bound(spec, tensors)
    data = to_bytes(graph, tensors)
    if check:
        verify(data, spec, bounds, graph)
    return data


def update(spec: ExportSpec, **slots: Any) -> tuple[bytes, ExportSpec]:
    """The bytes of a fresh export with some slots replaced, and its spec: `update(spec, dynamics=new)`.

    A traced graph is kept, so that new weights need no second decomposition; no weight changes the graph (`values.Const`).

    Raises:
        ValueError: For a slot that the Problem does not have, or another number of members.
    """
    dynamics = spec.dynamics
    replaced = dict(spec.slots)
    for name, slot in slots.items():
        if slot is None:
            continue
        if name == "dynamics":
            dynamics = members_of(slot)
            if len(dynamics) != len(spec.dynamics):
                raise ValueError(f"update keeps the number of members, {len(spec.dynamics)}, got {len(dynamics)}")
        elif name in replaced:
            replaced[name] = uncompiled(slot)
        else:
            raise ValueError(f"update replaces dynamics, {', '.join(replaced)}, got {name}")
    fresh = ExportSpec(**{**spec.__dict__, "dynamics": dynamics, "slots": replaced})
    return build(fresh), fresh


class _CallableModule(types.ModuleType):
    """`mf.export(...)` and `mbrl_fast.export.update(...)`: importing this package puts it where the function was."""

    __call__ = staticmethod(export)


sys.modules[__name__].__class__ = _CallableModule
