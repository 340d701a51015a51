"""JAX: the whole plan as one jitted function, a scan over iterations and one over knots.

The same algorithm as lean PyTorch with the candidates in the last axis, which XLA turns into 10–30 % faster code on a CPU than
the same step under vmap with the candidates in the first. The noise is an argument, drawn with NumPy within the time: JAX's own
generator is slower. JAX fixes its threads when it starts, so each number of threads is a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.child import Child, Decide
from bench.contenders import Contender, named, need

if TYPE_CHECKING:
    from bench.problems import PlanningProblem

HORIZON, REPEAT, POPULATION, ELITES, ITERATIONS = 5, 5, 100, 10, 5
Weights = dict[str, NDArray[np.float32]]


def contenders(p: PlanningProblem, threads: Sequence[int] = (1,)) -> list[Contender]:
    need("jax")
    return [_contender(p, count) for count in threads]


def _contender(p: PlanningProblem, threads: int) -> Contender:
    import torch

    child = Child(make_planner, (weights_of(p.model), p.state, p.goal), environment(threads))

    def plan() -> NDArray[np.float32]:
        return child.plan(np.stack([torch.randn(HORIZON, POPULATION, 2).numpy() for _ in range(ITERATIONS)]))

    return Contender(named("JAX jit of the whole plan", threads), plan, True, threads, timed=child.timed)


def environment(threads: int) -> dict[str, str]:
    """What makes XLA's CPU client use that many threads."""
    flags = "--xla_cpu_multi_thread_eigen=false" if threads == 1 else ""
    return {"NPROC": str(threads), "OMP_NUM_THREADS": str(threads), "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}


def weights_of(model: Any) -> Weights:
    """Both hidden layers in one matrix, without the masked position columns."""
    rows = {name: tensor.detach().numpy() for name, tensor in model.named_parameters()}
    return {
        "w1": np.concatenate([rows["A1.weight"], rows["B1.weight"]])[:, 2:].copy(),
        "b1": np.concatenate([rows["A1.bias"], rows["B1.bias"]])[:, None],
        "wa": rows["A2.weight"], "ba": rows["A2.bias"][:, None], "wb": rows["B2.weight"], "bb": rows["B2.bias"][:, None],
    }  # fmt: skip


def make_planner(weights: Weights, state: NDArray[np.float32], goal: NDArray[np.float32]) -> Decide:
    """Runs in the child: compiles, and answers decisions."""
    import jax

    refine = jax.jit(_refine(weights))
    generator = np.random.default_rng(0)

    def decide(noise: NDArray[np.float32] | None) -> NDArray[np.float32]:
        if noise is None:
            noise = generator.standard_normal((ITERATIONS, HORIZON, POPULATION, 2), np.float32)
        return np.asarray(refine(noise, state, goal))

    decide(None)
    return decide


def _refine(weights: Weights) -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    w = {name: jnp.asarray(value) for name, value in weights.items()}
    reward_weights = jnp.array([1.0, 0.3, 0.0, 0.0, 0.02, 0.02], jnp.float32)[:, None]

    def step(x: Any, u: Any) -> Any:
        """x [6, N], u [2, N] -> the next x [6, N]."""
        hidden = jax.nn.relu(w["w1"] @ jnp.concatenate([x[2:], u]) + w["b1"])
        a = (w["wa"] @ hidden[:64] + w["ba"]).reshape(6, 6, -1)
        b = (w["wb"] @ hidden[64:] + w["bb"]).reshape(6, 2, -1)
        return x + 0.2 * ((a * x).sum(1) + (b * u).sum(1))

    def refine(noise: Any, state: Any, goal: Any) -> Any:
        def knot(carry: Any, u: Any) -> Any:
            x, returns = carry
            for _ in range(REPEAT):
                x = step(x, u)
                returns = returns - jnp.sqrt((jnp.abs(x - goal[:, None]) * reward_weights).sum(0))
            return (x, returns), None

        def iteration(carry: Any, z: Any) -> Any:
            mean, std = carry
            actions = jnp.clip(mean + std * z, -1.0, 1.0)
            start = (jnp.broadcast_to(state[:, None], (6, POPULATION)), jnp.zeros(POPULATION))
            (_, returns), _ = jax.lax.scan(knot, start, actions.transpose(0, 2, 1))
            best = actions[:, jax.lax.top_k(returns, ELITES)[1]]
            return (best.mean(1, keepdims=True), best.std(1, keepdims=True)), None

        start = (jnp.zeros((HORIZON, 1, 2)), jnp.ones((HORIZON, 1, 2)))
        (mean, _), _ = jax.lax.scan(iteration, start, noise)
        return mean[0, 0]

    return refine
