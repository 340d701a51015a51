"""Runs a planner that was written as an exercise beside the reference, and says what differs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mbrl_fast.reference.notebook import DynamicsModel, reward_model

from .differences import answer_differences, describe, noise_differences, setup_differences
from .exercise import Exercise, Switches, solve
from .mistakes import explain, first_difference
from .recorder import Recorder

STATE = (0.02, 0.03, 0.1, -0.2, 0.8, 0.6)
GOAL = (0.1, -0.14, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class PlannerCheck:
    """What `check_planner` found.

    Attributes:
        ok: whether the planner does what the reference does.
        mistakes: names of what it does otherwise.
        sentences: one for each.
    """

    ok: bool
    mistakes: tuple[str, ...]
    sentences: tuple[str, ...]

    @property
    def report(self) -> str:
        """All of it, to be printed."""
        if self.ok:
            return "The planner agrees with the reference: candidates, states, elites and answer, in two plans."
        return "\n".join(["The planner differs from the reference:", *(f"  - {sentence}" for sentence in self.sentences)])

    def __repr__(self) -> str:
        return self.report


def check_planner(
    planner: Callable[..., Any],
    model: Callable[..., Tensor] | None = None,
    reward: Callable[..., Tensor] = reward_model,
    *,
    state: Any = STATE,
    action_size: int = 2,
    action_low: float = -1.0,
    action_high: float = 1.0,
    horizon: int = 5,
    action_repeat: int = 5,
    population: int = 100,
    selection: int = 10,
    iterations: int = 5,
    seed: int = 0,
    **inputs: Any,
) -> PlannerCheck:
    """Compare a cross-entropy planner in PyTorch with the reference, on the same problem and the same noise.

    The planner of highway-env's notebook needs `check_planner(cem_planner, dynamics)` and nothing else: the function is called
    with whatever its arguments are named after among ``model`` (or ``dynamics``), ``reward`` (or ``reward_model``), ``state``,
    the inputs, ``action_size``, ``action_low``, ``action_high``, ``horizon``, ``action_repeat``, ``population``, ``selection``
    (or ``elites``) and ``iterations``, and returns the first action [A].

    Args:
        planner: draws by torch.randn, torch.normal, a torch.distributions.Normal or the like, in which the noise is replaced.
        model: (state [N, S], action [N, A]) -> next_state [N, S]. The planner may know it as a global variable, if it is a
            Module. None: a small network, which the planner must then ask for.
        reward: bound by the names of its arguments among state, action, next_state (or states) and the inputs.
        state: [S]. action_low, action_high: bounds of every entry of the action.
        horizon: knots, each held for ``action_repeat`` model steps. selection: the elites.
        inputs: what the reward and the planner ask for by name; highway-env's ``goal`` if there are none.

    Raises:
        TypeError: if the planner asks for something else.
    """
    if model is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = DynamicsModel()
    exercise = Exercise(
        model, reward, torch.as_tensor(state, dtype=torch.float32),
        {name: torch.as_tensor(value, dtype=torch.float32) for name, value in (inputs or {"goal": GOAL}).items()},
        torch.full((action_size,), float(action_low)), torch.full((action_size,), float(action_high)),
        horizon, action_repeat, population, selection, iterations, seed,
    )  # fmt: skip
    watched = model if isinstance(model, nn.Module) else _Watched(model)
    given = _arguments(planner, exercise, watched)
    found: list[tuple[str, str]] = []
    for plan in range(2):
        recorder = Recorder(exercise, plan, watched)
        try:
            with recorder:
                answer = planner(**given)
        except Exception as error:
            raised = ("raises", f"It raises {type(error).__name__}: {error}")
            return _result([*noise_differences(exercise, recorder), raised])
        found = _compare(exercise, recorder, answer, plan) or _compare_arguments(exercise, given)
        if found:
            break
    return _result(found)


def _compare(exercise: Exercise, recorder: Recorder, answer: Any, plan: int) -> list[tuple[str, str]]:
    """Names and sentences of what one plan does otherwise."""
    found = answer_differences(exercise, answer)
    if found:
        return found
    seen = recorder.trace(answer.detach())
    right = Switches(exercise.iterations, exercise.action_repeat, exercise.selection)
    if first_difference(seen, solve(exercise, right, plan)) is None:
        return []
    if plan > 0:
        return [("warm start", "Its second plan from the same state begins otherwise than its first: something is kept (a warm "
                 "start). Mean and std must begin anew, at 0 and 1.")]  # fmt: skip
    found, base = setup_differences(exercise, recorder, seen, right)
    if base is None:
        return found
    mistakes = explain(exercise, seen, base)
    if mistakes is None:
        return [*found, *describe(exercise, recorder, seen, solve(exercise, base))]
    words = {
        "bessel": (exercise.selection / max(exercise.selection - 1, 1)) ** 0.5, "low": float(exercise.low[0]),
        "high": float(exercise.high[0]), "steps": exercise.horizon * exercise.action_repeat,
    }  # fmt: skip
    return [*found, *((mistake.name, mistake.sentence.format(**words)) for mistake in mistakes)]


def _compare_arguments(exercise: Exercise, given: dict[str, Any]) -> list[tuple[str, str]]:
    own = {"state": exercise.state, **exercise.inputs}
    changed = [name for name, value in own.items() if name in given and not torch.equal(given[name], value)]
    return [("changes its arguments", f"It changes the {name} that it was given: copy it first.") for name in changed]


def _arguments(planner: Callable[..., Any], e: Exercise, model: nn.Module) -> dict[str, Any]:
    """What the planner asks for, by name; tensors are its own copies."""
    known = {
        "model": model, "dynamics": model, "reward": e.reward, "reward_model": e.reward, "state": e.state.clone(),
        "action_size": len(e.low), "action_low": float(e.low[0]), "action_high": float(e.high[0]), "horizon": e.horizon,
        "action_repeat": e.action_repeat, "population": e.population, "selection": e.selection, "elites": e.selection,
        "iterations": e.iterations, **{name: value.clone() for name, value in e.inputs.items()},
    }  # fmt: skip
    given = {}
    for name, parameter in inspect.signature(planner).parameters.items():
        if name in known:
            given[name] = known[name]
        elif parameter.default is parameter.empty and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"the planner's argument {name!r} must be one of {', '.join(known)}, or have a default")
    return given


def _result(found: list[tuple[str, str]]) -> PlannerCheck:
    return PlannerCheck(not found, tuple(name for name, _ in found), tuple(sentence for _, sentence in found))


class _Watched(nn.Module):
    """A function as a Module, so that its calls can be noted."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self._function = function

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """As the function."""
        return self._function(state, action)
