"""Exports the cart of this example: `python make_problem.py cart.safetensors`. The only part that needs Python."""

import sys

import torch
from torch import Tensor

import mbrl_fast as mf

DT = 0.05


def cart(state: Tensor, action: Tensor) -> Tensor:
    """Position and speed, pushed for a model step of 50 ms. In your project this is a trained network."""
    position, speed = state[..., :1], state[..., 1:]
    return torch.cat([position + DT * speed + 0.5 * DT * DT * action, speed + DT * action], -1)


def closeness(next_state: Tensor, action: Tensor, goal: Tensor) -> Tensor:
    """At the goal, at rest, without effort."""
    error = next_state - goal
    return -(error[..., 0] ** 2) - 0.1 * error[..., 1] ** 2 - 0.001 * action[..., 0] ** 2


if __name__ == "__main__":
    problem = mf.export(cart, closeness, state_size=2, action_size=1, inputs={"goal": 2}, action_low=-2, action_high=2, dt=DT)
    print(problem.save(sys.argv[1]))
