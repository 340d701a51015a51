"""The notebook's baseline, and that the CEM twin with its settings is the same planner."""

from __future__ import annotations

import numpy as np
import torch

from mbrl_fast.models import Bicycle
from mbrl_fast.reference import CEM, DynamicsModel, cem_planner, train_notebook_model
from mbrl_fast.rewards import GoalDistance

STATE = torch.tensor([0.02, 0.03, 0.1, -0.2, 0.8, 0.6])
GOAL = torch.tensor([0.1, -0.14, 0.0, 0.0, 0.0, -1.0])


def test_the_planner_answers_within_bounds() -> None:
    action = cem_planner(DynamicsModel(), STATE, GOAL)
    assert action.shape == (2,)
    assert action.abs().max() <= 1.0


def test_the_planner_rolls_out_with_autograd_switched_on() -> None:
    network, graphs = DynamicsModel(), []

    def watched(state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        after = network(state, action)
        graphs.append(after.requires_grad)
        return after

    cem_planner(watched, STATE, GOAL)
    assert graphs == [True] * 125


def test_the_twins_defaults_are_the_notebooks_planner() -> None:
    def noise(seed: int, stream: int, plan: int, iteration: int, population: int, elements: int) -> torch.Tensor:
        return torch.randn(5, population, 2).movedim(0, 1).reshape(population, elements)

    torch.manual_seed(0)
    expected = cem_planner(Bicycle(), STATE, GOAL)
    torch.manual_seed(0)
    plan = CEM([Bicycle()], GoalDistance(), [-1, -1], [1, 1], noise=noise).plan(STATE, goal=GOAL)
    torch.testing.assert_close(plan.action, expected, atol=1e-4, rtol=0)


def test_training_fits_the_data_it_is_given() -> None:
    generator = np.random.default_rng(0)
    heading = generator.uniform(0, 2 * np.pi, 200)
    rows = [np.zeros(200), np.zeros(200), *generator.normal(size=(2, 200)), np.cos(heading), np.sin(heading)]
    states = torch.tensor(np.stack(rows, 1), dtype=torch.float32)
    actions = torch.tensor(generator.uniform(-1, 1, (200, 2)), dtype=torch.float32)
    model = train_notebook_model(states, actions, Bicycle()(states, actions), epochs=60)
    error = (model(states, actions).detach() - Bicycle()(states, actions)).square().mean()
    assert float(error) < 0.2 * float((states - Bicycle()(states, actions)).square().mean())
