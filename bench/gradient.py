"""What gradients of rollouts cost: beside the rollouts alone, and beside torch's autograd.

    python -m bench.gradient [--population 256] [--horizon 25] [--rounds 20]

Every contender is checked against the others before it is timed; rounds are interleaved; one thread each; medians of
processor time, which other programs on the machine change least. Torch runs the same modules in float32 on the whole population at
once, with and without the backward pass.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

import mbrl_fast as mf
from mbrl_fast.models import LTI, Bicycle
from mbrl_fast.rewards import GoalDistance

GOAL = np.float32([0.2, -0.1, 0.0, 0.0, 0.8, 0.6])
STATE = np.float32([0.1, 0.3, 0.2, 0.1, 0.96, 0.28])
MODELS: dict[str, Callable[[], nn.Module]] = {"LTI 64": LTI, "LTI 2 x 64": lambda: LTI(layers=2), "bicycle": Bicycle}


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--population", type=int, default=256)
    parser.add_argument("--horizon", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = [compare(name, make, options) for name, make in MODELS.items()]
    table = Table("model", "rollouts, ms", "gradients, ms", "ratio", "torch, ms", "torch with backward, ms", "ratio")
    for row in rows:
        mine, theirs = row["gradient"] / row["rollout"], row["torch_gradient"] / row["torch"]
        times = [f"{1e3 * row[key]:.2f}" for key in ("rollout", "gradient", "torch", "torch_gradient")]
        table.add_row(row["model"], *times[:2], f"{mine:.2f}", *times[2:], f"{theirs:.2f}")
    Console().print(table)
    return rows


def compare(name: str, make: Callable[[], nn.Module], options: argparse.Namespace) -> dict[str, Any]:
    """Median processor seconds of each contender."""
    torch.manual_seed(0)
    module, reward = make(), GoalDistance()
    problem = mf.export(module, reward, state_size=6, action_size=2, action_low=-1.0, action_high=1.0, dt=0.2, inputs={"goal": 6})
    shape = (options.population, options.horizon, 2)
    actions = np.random.default_rng(0).uniform(-0.9, 0.9, shape).astype(np.float32)
    contenders: dict[str, Callable[[], Any]] = {
        "rollout": lambda: problem.rollout(STATE, actions, goal=GOAL),
        "gradient": lambda: problem.gradient(STATE, actions, goal=GOAL),
        "torch": lambda: in_torch(module, reward, actions, backward=False),
        "torch_gradient": lambda: in_torch(module, reward, actions, backward=True),
    }
    returns, gradients = contenders["gradient"]()
    expected, wanted = contenders["torch_gradient"]()
    np.testing.assert_allclose(returns, contenders["rollout"]())
    np.testing.assert_allclose(returns, expected, rtol=1e-3)
    close = np.abs(gradients - wanted).max((1, 2)) <= 1e-3 * np.abs(wanted).max()
    assert close.mean() > 0.98, "gradients differ beyond a few candidates next to a kink"
    times: dict[str, list[float]] = {key: [] for key in contenders}
    for _ in range(options.rounds):
        for key, call in contenders.items():
            start = time.process_time()
            call()
            times[key].append(time.process_time() - start)
    return {"model": name, **{key: float(np.median(found)) for key, found in times.items()}}


def in_torch(module: nn.Module, reward: nn.Module, actions: np.ndarray, backward: bool) -> Any:
    """Returns [N], and with `backward` their gradients."""
    with torch.set_grad_enabled(backward):
        variable = torch.from_numpy(actions).requires_grad_(backward)
        state: Tensor = torch.from_numpy(STATE).expand(len(actions), -1)
        goal, total = torch.from_numpy(GOAL), torch.zeros(len(actions))
        for t in range(actions.shape[1]):
            state = module(state, variable[:, t])
            total = total + reward(state, goal)
        if not backward:
            return total.numpy()
        (gradient,) = torch.autograd.grad(total.sum(), variable)
        return total.detach().numpy(), gradient.numpy()


if __name__ == "__main__":
    main()
