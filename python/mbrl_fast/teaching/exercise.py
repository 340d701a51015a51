"""The exercise: highway-env's planner, statement by statement, with everything in it that students get wrong as a switch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from mbrl_fast import noise


@dataclass(frozen=True)
class Exercise:
    """What is planned on, and how.

    Attributes:
        model: (state [N, S], action [N, A]) -> next_state [N, S].
        reward: bound by the names of its arguments among state, action, next_state (or states) and the inputs; [N].
        state: [S]. inputs: what the reward asks for by name, such as the goal. low, high: [A], bounds of the actions.
        horizon: knots H, each held for ``action_repeat`` model steps. population: N. selection: K, the elites.
    """

    model: Callable[..., Tensor]
    reward: Callable[..., Tensor]
    state: Tensor
    inputs: Mapping[str, Tensor]
    low: Tensor
    high: Tensor
    horizon: int
    action_repeat: int
    population: int
    selection: int
    iterations: int
    seed: int

    def noise(self, plan: int, iteration: int) -> Tensor:
        """Standard normals [N, H, A], those of the planner in C++."""
        drawn = noise(self.seed, 0, plan, iteration, self.population, self.horizon * len(self.low))
        return torch.from_numpy(drawn).float().reshape(self.population, self.horizon, len(self.low))

    def rewards(self, state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
        """Of one model step, [N]."""
        known = {"state": state, "action": action, "next_state": next_state, "states": next_state, **self.inputs}
        wanted = inspect.signature(getattr(self.reward, "forward", self.reward)).parameters
        return self.reward(**{name: known[name] for name in wanted if name in known})


@dataclass(frozen=True)
class Switches:
    """The reference is all of these at their defaults; each of the others is a mistake."""

    iterations: int
    action_repeat: int
    elites: int
    start_mean: float = 0.0
    start_std: float = 1.0
    clip: bool = True
    advance: bool = True
    last_reward_only: bool = False
    minimise: bool = False
    unbiased: bool = False
    variance: bool = False
    refit_mean: bool = True
    refit_std: bool = True
    answer: str = "first"


@dataclass
class Trace:
    """What a planner did: of each iteration the states [T, N, S] and the actions [T, N, A] that the model was given."""

    states: list[Tensor] = field(default_factory=list)
    actions: list[Tensor] = field(default_factory=list)
    elites: list[Tensor] = field(default_factory=list)
    answer: Any = None


@torch.no_grad()
def solve(exercise: Exercise, switches: Switches, plan: int = 0, go_on: Callable[[Trace], bool] = lambda trace: True) -> Trace:
    """Plan once, with these mistakes made. ``go_on`` is asked after every rollout; if not, there is no answer."""
    e, s, trace = exercise, switches, Trace()
    mean = torch.full((e.horizon, 1, len(e.low)), s.start_mean)
    std = torch.full_like(mean, s.start_std)
    for iteration in range(s.iterations):
        knots = mean + std * e.noise(plan, iteration).transpose(0, 1)
        if s.clip:
            knots = knots.clamp(e.low, e.high)
        returns = _roll_out(e, s, knots, trace)
        if not go_on(trace):
            return trace
        best = returns.topk(s.elites, largest=not s.minimise).indices
        chosen = knots[:, best]
        trace.elites.append(best)
        if s.refit_mean:
            mean = chosen.mean(1, keepdim=True)
        if s.refit_std:
            std = chosen.std(1, unbiased=s.unbiased, keepdim=True) ** (2 if s.variance else 1)
    trace.answer = {"first": mean[0, 0], "last": mean[-1, 0], "best": chosen[0, 0]}[s.answer]
    return trace


def _roll_out(e: Exercise, s: Switches, knots: Tensor, trace: Trace) -> Tensor:
    """Returns [N] of knots [H, N, A]."""
    state, states, actions, rewards = e.state.expand(e.population, -1), [], [], []
    for action in knots:
        for _ in range(s.action_repeat):
            after = e.model(state.clone(), action.clone())
            states.append(state)
            actions.append(action)
            rewards.append(e.rewards(state, action, after))
            state = after if s.advance else state
    trace.states.append(torch.stack(states))
    trace.actions.append(torch.stack(actions))
    return rewards[-1] if s.last_reward_only else torch.stack(rewards).sum(0)
