"""Gradients of whole rollouts, Jacobians and quadratic models against torch in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import mbrl_fast as mf
from mbrl_fast.models import LTI, Bicycle
from mbrl_fast.rewards import GoalDistance

SIZES: dict[str, Any] = {"state_size": 6, "action_size": 2, "action_low": -1.0, "action_high": 1.0, "dt": 0.2}
GOAL = np.float32([0.2, -0.1, 0.05, 0.0, 0.8, 0.6])
STATE = np.float32([0.1, 0.3, 0.2, 0.1, 0.96, 0.28])
N, H = 37, 6
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch.func's own


class MLP(nn.Module):
    """x + net(x, u), without kinks."""

    def __init__(self, activation: type[nn.Module] = nn.SiLU) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 20), activation(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 6))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        return state + 0.3 * self.net(torch.cat([state, action], -1))


class Wild(MLP):
    """Goes where its action says, at a speed of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.speed = nn.Parameter(0.3 + torch.rand(1))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        return super().forward(state, action) + self.speed * nn.functional.pad(action, (0, 4))


def effort(next_state: Tensor, action: Tensor, previous_action: Tensor, time: Tensor, reference: Tensor) -> Tensor:
    """Uses all that a reward may use; the reference changes with the model step."""
    away = ((next_state[..., :2] - reference) ** 2).sum(-1)
    return -away * torch.exp(-0.3 * time) - 0.1 * ((action - previous_action) ** 2).sum(-1)


def far(state: Tensor) -> Tensor:
    """Ends outside of a strip."""
    return (state[..., 0] - 0.1).abs() > 0.6


def value(state: Tensor) -> Tensor:
    return -nn.functional.softplus(state.sum(-1))


@dataclass
class Case:
    """A problem and what it is made of."""

    members: Sequence[nn.Module]
    reward: Callable[..., Tensor]
    options: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    per_step: bool = False

    def problem(self) -> mf.Problem:
        return mf.export(list(self.members), self.reward, **{**SIZES, **self.options})


def seeded(count: int, make: Callable[[], nn.Module]) -> list[nn.Module]:
    torch.manual_seed(1)
    return [make() for _ in range(count)]


REFERENCE = np.linspace(-0.5, 0.5, 2 * 2 * H, dtype=np.float32).reshape(2 * H, 2)
SHAPE = {"inputs": {"reference": ("horizon", 2)}}
CASES: dict[str, Callable[[], Case]] = {
    "lti": lambda: Case(seeded(1, LTI), GoalDistance(), {"inputs": {"goal": 6}}, {"goal": GOAL}),
    "mlp": lambda: Case(seeded(1, MLP), effort, SHAPE, {"reference": REFERENCE}, True),
    "ensemble": lambda: Case(seeded(3, MLP), effort, {**SHAPE, "terminal_value": value}, {"reference": REFERENCE}, True),
    "ending": lambda: Case(
        seeded(2, Wild), effort, {**SHAPE, "terminal_value": value, "termination": far}, {"reference": REFERENCE}, True
    ),
    "bicycle": lambda: Case([Bicycle()], GoalDistance(), {"inputs": {"goal": 6}}, {"goal": GOAL}),
}


def actions_of(count: int = N) -> np.ndarray:
    return np.random.default_rng(2).uniform(-0.9, 0.9, (count, H, 2)).astype(np.float32)


def torch_returns(case: Case, start: Tensor, actions: Tensor, previous: Tensor, discount: float, steps_per_knot: int) -> Tensor:
    """[N] in float64, differentiable."""
    totals = []
    inputs = {name: torch.from_numpy(np.asarray(x, np.float64)) for name, x in case.inputs.items()}
    for module in case.members:
        module = copy.deepcopy(module).double()
        reward = copy.deepcopy(case.reward).double() if isinstance(case.reward, nn.Module) else case.reward
        state, before = start.expand(len(actions), -1), previous.expand(len(actions), -1)
        total, alive = torch.zeros(len(actions)).double(), torch.ones(len(actions), dtype=torch.bool)
        steps = actions.shape[1] * steps_per_knot
        for t in range(steps):
            action = actions[:, t // steps_per_knot]
            after = module(state, action)
            if case.per_step:
                time = torch.full((len(actions),), t * SIZES["dt"]).double()
                gained = reward(after, action, before, time, inputs["reference"][t])
            else:
                gained = reward(after, *inputs.values())
            total = torch.where(alive, total + discount**t * gained, total)
            if "termination" in case.options:
                alive = alive & ~case.options["termination"](after)
            state, before = after, action
        if "terminal_value" in case.options:
            total = torch.where(alive, total + discount**steps * case.options["terminal_value"](state), total)
        totals.append(total)
    return torch.stack(totals).mean(0)


@pytest.mark.parametrize("steps_per_knot", [1, 2])
@pytest.mark.parametrize("name", list(CASES))
def test_gradients_of_rollouts_agree_with_autograd(name: str, steps_per_knot: int) -> None:
    case = CASES[name]()
    problem, actions, discount = case.problem(), actions_of(), 0.97
    previous = np.float32([0.3, -0.2])
    inputs = {key: x[: H * steps_per_knot] if case.per_step else x for key, x in case.inputs.items()}
    options: dict[str, Any] = {"discount": discount, "steps_per_knot": steps_per_knot, "previous_action": previous, **inputs}
    returns, gradients = problem.gradient(STATE, actions, **options)
    variable = torch.from_numpy(actions.astype(np.float64)).requires_grad_()
    expected = torch_returns(
        case, torch.from_numpy(STATE).double(), variable, torch.from_numpy(previous).double(), discount, steps_per_knot
    )
    (wanted,) = torch.autograd.grad(expected.sum(), variable)
    assert gradients.shape == (N, H, 2)
    np.testing.assert_array_equal(returns, problem.rollout(STATE, actions, **options))
    np.testing.assert_allclose(returns, expected.detach().numpy(), rtol=1e-4, atol=1e-4)
    error = np.abs(gradients - wanted.numpy()).max((1, 2))
    # A unit of an LTI network may change sides between float32 and float64: that is a kink.
    assert np.mean(error <= 1e-4 * np.abs(wanted.numpy()).max()) == 1.0, error.max()
    if name == "ending" and steps_per_knot == 1:
        assert 0 < (np.abs(wanted.numpy()[:, -1]).max(-1) == 0).sum() < N, "some end early, some do not"
    for threads in (1, 2):
        again = problem.gradient(STATE, actions, threads=threads, **options)
        np.testing.assert_array_equal(again[0], returns)
        np.testing.assert_array_equal(again[1], gradients)


def test_a_candidate_alone_has_the_gradient_it_has_among_others_and_starts_may_differ() -> None:
    case = CASES["lti"]()
    problem, actions = case.problem(), actions_of(70)
    starts = np.stack([STATE + 0.01 * i for i in range(70)]).astype(np.float32)
    returns, gradients = problem.gradient(starts, actions, goal=GOAL)
    for i in (0, 33, 69):
        alone = problem.gradient(starts[i], actions[i : i + 1], goal=GOAL)
        np.testing.assert_array_equal(alone[0][0], returns[i])
        np.testing.assert_array_equal(alone[1][0], gradients[i])


def test_gradients_follow_new_weights() -> None:
    case, other = CASES["ensemble"](), CASES["ensemble"]()
    for module in other.members:
        for parameter in module.parameters():
            parameter.data *= 1.3
    problem, newer, actions = case.problem(), other.problem(), actions_of(5)
    inputs = {"reference": REFERENCE[:H]}
    first = problem.gradient(STATE, actions, **inputs)[1]
    problem.update_weights(newer)
    second = problem.gradient(STATE, actions, **inputs)[1]
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(second, newer.gradient(STATE, actions, **inputs)[1])
    jacobians = [p.linearize(STATE, actions[0, 0], reference=REFERENCE[0]) for p in (problem, newer)]
    np.testing.assert_array_equal(jacobians[0][0], jacobians[1][0])
    states = np.stack([STATE] * (H + 1))
    quadratics = [p.quadratic(states, actions[0], **inputs) for p in (problem, newer)]
    np.testing.assert_array_equal(quadratics[0].jacobian, quadratics[1].jacobian)


@pytest.mark.parametrize("name", ["lti", "ensemble", "bicycle"])
def test_linearize_agrees_with_jacrev(name: str) -> None:
    case = CASES[name]()
    problem, generator = case.problem(), np.random.default_rng(4)
    states = (STATE + 0.1 * generator.standard_normal((11, 6))).astype(np.float32)
    actions = actions_of()[:11, 0]
    inputs = {key: x[0] if case.per_step else x for key, x in case.inputs.items()}
    for member in (None, 0):
        a, b = problem.linearize(states, actions, member=member, **inputs)
        modules = [copy.deepcopy(m).double() for m in (case.members if member is None else [case.members[member]])]

        def mean(x: Tensor, u: Tensor, modules: list[nn.Module] = modules) -> Tensor:
            return torch.stack([module(x[None], u[None])[0] for module in modules]).mean(0)

        jacobian = torch.vmap(torch.func.jacrev(mean, (0, 1)))
        expected = jacobian(torch.from_numpy(states).double(), torch.from_numpy(actions).double())
        for got, wanted in zip((a, b), expected, strict=True):
            assert got.shape == wanted.shape
            assert np.abs(got - wanted.detach().numpy()).max() <= 1e-4 * float(wanted.detach().abs().max())
    one = problem.linearize(states[3], actions[3], member=0, **inputs)
    assert [x.shape for x in one] == [(6, 6), (6, 2)]
    np.testing.assert_array_equal(one[0], a[3])


def test_gradients_need_a_reward_and_good_arguments() -> None:
    problem = mf.export(MLP(), **SIZES)
    with pytest.raises(ValueError, match=r"^gradients need a reward: export the problem with one$"):
        problem.gradient(STATE, actions_of())
    assert problem.linearize(STATE, [0.1, 0.2])[0].shape == (6, 6)
    problem = CASES["lti"]().problem()
    with pytest.raises(ValueError, match=r"actions must have shape \[any, any, 2\], got \[3, 2\]"):
        problem.gradient(STATE, np.zeros((3, 2), np.float32), goal=GOAL)
    with pytest.raises(ValueError, match=r"state must have shape \[6\], got \[5\]"):
        problem.gradient(STATE[:5], actions_of(), goal=GOAL)
    with pytest.raises(ValueError, match="input 'goal' is missing"):
        problem.gradient(STATE, actions_of())
    with pytest.raises(ValueError, match=r"discount must be in \(0, 1\], got 2"):
        problem.gradient(STATE, actions_of(), discount=2.0, goal=GOAL)


# Quadratic models


def trajectory(problem: mf.Problem, **inputs: Any) -> tuple[np.ndarray, np.ndarray]:
    actions = actions_of(1)
    return problem.rollout(STATE, actions, return_states=True, **inputs)[1][0], actions[0]


def total_gradient(function: Callable[[Tensor, Tensor], Tensor], states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    x, u = torch.from_numpy(states).double().requires_grad_(), torch.from_numpy(actions).double().requires_grad_()
    return torch.cat(torch.autograd.grad(function(x, u).sum(), (x, u)), -1).numpy()


@pytest.mark.parametrize("name", ["lti", "bicycle"])
def test_the_quadratic_model_of_goal_distance_is_the_majoriser_of_the_root_of_absolute_values(name: str) -> None:
    case = CASES[name]()
    problem, module, reward = case.problem(), copy.deepcopy(case.members[0]).double(), copy.deepcopy(case.reward).double()
    states, actions = trajectory(problem, goal=GOAL)
    smoothing = 1e-3
    model = problem.quadratic(states, actions, smoothing=smoothing, goal=GOAL)
    goal = torch.from_numpy(GOAL).double()
    gradient = total_gradient(lambda x, u: reward(module(x, u), goal), states[:-1], actions)
    np.testing.assert_allclose(model.gradient, gradient, atol=1e-4 * np.abs(gradient).max())
    x, u = torch.from_numpy(states[:-1]).double(), torch.from_numpy(actions).double()
    after = module(x, u)
    np.testing.assert_allclose(model.rewards, reward(after, goal).detach().numpy(), rtol=1e-5)
    by = torch.vmap(torch.func.jacrev(lambda x, u: module(x[None], u[None])[0], (0, 1)))(x, u)
    jacobian = torch.cat(by, -1)
    np.testing.assert_allclose(model.jacobian, jacobian.detach().numpy(), atol=1e-4 * float(jacobian.detach().abs().max()))
    distance = (after - goal).abs()
    root = (distance * reward.weights).sum(-1).sqrt()
    weights = reward.weights / (2 * root[:, None] * distance.clamp_min(smoothing))
    closed = jacobian.mT @ torch.diag_embed(weights) @ jacobian
    np.testing.assert_allclose(model.curvature, closed.detach().numpy(), atol=1e-3 * float(closed.detach().abs().max()))


def quadratic_reward(next_state: Tensor, action: Tensor, goal: Tensor) -> Tensor:
    """Squares in the shapes in which people write them."""
    error = next_state - goal
    weights = torch.tensor([1.0, 2.0, 0.5, 0.0, 1.0, 0.3]).to(error)
    return (
        -(weights * error**2).sum(-1)
        - 0.1 * (action * action).sum(-1)
        - torch.square(action[..., 0] - action[..., 1])
        - (error * (0.2 * error)).sum(-1)
        - 0.05 * torch.einsum("...i,...i->...", action, action)
    )


def linear_dynamics(state: Tensor, action: Tensor) -> Tensor:
    return state @ torch.eye(6).roll(1, 0).to(state) * 0.3 + 0.5 * nn.functional.pad(action, (1, 3))


def test_the_curvature_of_a_quadratic_reward_is_its_hessian() -> None:
    problem = mf.export(
        linear_dynamics, quadratic_reward, inputs={"goal": 6}, terminal_value=lambda state: -(state**2).sum(-1), **SIZES
    )
    states, actions = trajectory(problem, goal=GOAL)
    model = problem.quadratic(states, actions, goal=GOAL)
    goal = torch.from_numpy(GOAL).double()

    def cost(z: Tensor) -> Tensor:
        return -quadratic_reward(linear_dynamics(z[:6], z[6:]), z[6:], goal)

    hessian = torch.func.hessian(cost)(torch.zeros(8).double()).numpy()
    for curvature in model.curvature:
        np.testing.assert_allclose(curvature, hessian, atol=1e-5 * np.abs(hessian).max())
    np.testing.assert_allclose(model.terminal_curvature, 2 * np.eye(6), atol=1e-6)
    np.testing.assert_allclose(model.terminal_gradient, -2 * states[-1], rtol=1e-5, atol=1e-6)
    assert model.terminal_value == pytest.approx(-float((states[-1] ** 2).sum()), rel=1e-5)


def curved(next_state: Tensor, action: Tensor) -> Tensor:
    """Convex and concave functions of many kinds, and products."""
    a, b, c, d, e, f = next_state.unbind(-1)
    convex = torch.exp(a) + nn.functional.softplus(b) - torch.log(c.abs() + 0.1) + (d * d + 0.01).sqrt() + 1.0 / (e.abs() + 0.3)
    rest = torch.sin(f) * a + torch.tanh(b) - (c * c).clamp(max=1.0) + (d.abs() + 0.2) ** 1.5 + torch.nn.functional.silu(e)
    return -(convex + rest) - (action**4).sum(-1) - torch.maximum(a, b).abs()


@pytest.mark.parametrize("name", ["lti", "ensemble", "bicycle"])
def test_curvature_is_always_symmetric_and_positive_semidefinite(name: str) -> None:
    case = CASES[name]()
    problem = mf.export(
        list(case.members), curved, terminal_value=lambda state: -nn.functional.softplus(state).norm(dim=-1), **SIZES
    )
    generator = np.random.default_rng(6)
    states = (2 * generator.standard_normal((H + 1, 6))).astype(np.float32)
    model = problem.quadratic(states, actions_of(1)[0])
    for matrix in [*model.curvature, model.terminal_curvature]:
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-5 * np.abs(matrix).max())
        assert np.linalg.eigvalsh(matrix.astype(np.float64)).min() >= -1e-5 * np.abs(matrix).max()
    assert np.abs(model.curvature).max() > 0.1


def test_a_step_of_the_model_never_increases_the_cost() -> None:
    """With linear dynamics the model lies above the cost: its minimum is no worse, wherever it began."""
    reward = GoalDistance()
    problem = mf.export(linear_dynamics, reward, inputs={"goal": 6}, **SIZES)
    generator = np.random.default_rng(8)
    for _ in range(50):
        state = generator.standard_normal((1, 6)).astype(np.float32)
        action = generator.uniform(-1, 1, (1, 2)).astype(np.float32)
        states = np.concatenate([state, state])
        model = problem.quadratic(states, action, smoothing=1e-4, goal=GOAL)
        curvature = model.curvature[0, 6:, 6:].astype(np.float64) + 1e-6 * np.eye(2)
        change = np.linalg.solve(curvature, model.gradient[0, 6:]).astype(np.float32)
        before = problem.step(state, action, goal=GOAL)[1][0]
        after = problem.step(state, action + change, goal=GOAL)[1][0]
        assert after >= before - 1e-4, (before, after)


def test_quadratic_models_are_equal_for_all_threads_and_know_previous_actions() -> None:
    case = CASES["ensemble"]()
    problem = case.problem()
    inputs = {"reference": REFERENCE[:H]}
    states, actions = trajectory(problem, **inputs)
    model = problem.quadratic(states, actions, previous_action=[0.1, 0.2], **inputs)
    assert model.jacobian.shape == (H, 6, 10)
    assert model.curvature.shape == (H, 10, 10)
    for mine, other in zip(model, problem.quadratic(states, actions, threads=2, previous_action=[0.1, 0.2], **inputs), strict=True):
        np.testing.assert_array_equal(mine, other)
    # the cost of changes: 0.1·(u − p)², twice that as curvature, beside what the next state adds to (u, u)
    np.testing.assert_allclose(model.curvature[:, 8:, 8:], np.tile(0.2 * np.eye(2), (H, 1, 1)), atol=1e-5)
    np.testing.assert_allclose(model.gradient[0, 8:], 0.2 * (actions[0] - np.float32([0.1, 0.2])), atol=1e-5)
    np.testing.assert_allclose(model.gradient[1:, 8:], 0.2 * (actions[1:] - actions[:-1]), atol=1e-5)
    with pytest.raises(ValueError, match=r"member must be in 0\.\.2, got 3"):
        problem.quadratic(states, actions, member=3, **inputs)
    with pytest.raises(ValueError, match=r"states must have shape \[7, 6\], got \[6, 6\]"):
        problem.quadratic(states[1:], actions, **inputs)
