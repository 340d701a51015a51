"""mbrl-lib's own PETS, `mbrl.algorithms.pets.train`, on its own continuous cart-pole with its own settings (`pets_cartpole`).

Its code is as it was installed; clocks go around its calls, and it is stopped after so many trials. What 0.2.0 needs to run today:

* it pins hydra 1.0.3 and gymnasium 0.26: `pip install --no-deps mbrl==0.2.0` beside hydra-core, omegaconf and termcolor; the time
  limit of an episode is the wrapper below, because gymnasium's passes on options that its environment does not take;
* newer hydra needs ``_recursive_: false`` where an argument is itself a configuration (its pull request 187);
* the wheel lacks examples/conf/action_optimizer: its cem.yaml is written out below.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from unittest import mock

import numpy as np
import torch

from bench.contenders import need

CEM = {
    "_target_": "mbrl.planning.CEMOptimizer", "num_iterations": "${overrides.cem_num_iters}",
    "elite_ratio": "${overrides.cem_elite_ratio}", "population_size": "${overrides.cem_population_size}",
    "alpha": "${overrides.cem_alpha}", "lower_bound": "???", "upper_bound": "???", "return_mean_elites": True,
    "device": "${device}", "clipped_normal": "${overrides.cem_clipped_normal}",
}  # fmt: skip
Record = dict[str, Any]


class EnoughError(Exception):
    """Raised through mbrl-lib's endless loop after the last trial."""


class Clock:
    """Where the seconds of each trial go, in the words of `mbrl_fast.online`'s records."""

    def __init__(self, trials: int) -> None:
        self.wanted, self.records = trials, list[Record]()
        self._begin = 0.0

    def begin(self) -> None:
        """End the last trial, begin the next."""
        now = perf_counter()
        if self.records:
            self.records[-1]["seconds"] = now - self._begin
        if len(self.records) == self.wanted:
            raise EnoughError
        self._begin = now
        empty = {"return": 0.0, "length": 0, "seconds_plan": 0.0, "seconds_fit": 0.0}
        self.records.append({"trial": len(self.records) + 1, **empty})

    def saw(self, reward: float) -> None:
        """One step of the environment; those of the exploration belong to no trial."""
        if self.records:
            self.records[-1]["return"] += reward
            self.records[-1]["length"] += 1

    def before(self, reset: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, with which a trial begins: the planning agent's reset."""

        def beginning(*arguments: Any, **named: Any) -> Any:
            self.begin()
            return reset(*arguments, **named)

        return beginning

    def around(self, phase: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, its seconds added to the phase."""

        def timed(*arguments: Any, **named: Any) -> Any:
            begin = perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.records[-1][f"seconds_{phase}"] += perf_counter() - begin

        return timed


def run(seed: int, trials: int, threads: int = 1, max_steps: int = 200, **overrides: Any) -> list[Record]:
    """A record for each trial of one seed.

    Args:
        max_steps: of a trial; the 200 random steps before the first are always as many.
        overrides: of its settings, such as ``cem_population_size``.
    """
    need("hydra")
    pets, common, agent = need("mbrl.algorithms.pets"), need("mbrl.util.common"), need("mbrl.planning").TrajectoryOptimizerAgent
    functions = need("mbrl.env.termination_fns").cartpole, need("mbrl.env.reward_fns").cartpole
    torch.set_num_threads(threads)
    np.random.seed(seed)  # noqa: NPY002 (what its main.py does)
    torch.manual_seed(seed)
    clock = Clock(trials)
    env = limited(max_steps, clock)
    env.reset(seed=seed)
    env.action_space.seed(seed + 2)
    fit = "train_model_and_save_model_and_data"
    with (
        TemporaryDirectory() as folder,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.suppress(EnoughError),
        mock.patch.object(agent, "reset", clock.before(agent.reset)),
        mock.patch.object(agent, "act", clock.around("plan", agent.act)),
        mock.patch.object(common, fit, clock.around("fit", getattr(common, fit))),
    ):
        pets.train(env, *functions, configuration(seed, **overrides), silent=True, work_dir=folder)
    return clock.records


def planner(particles: int, **overrides: Any) -> Callable[[Any], Any]:
    """Its planner on networks as they begin: state [4] -> action [1]."""
    util = need("mbrl.util.common")
    planning, wrapper = need("mbrl.planning"), need("mbrl.models")
    made = configuration(0, **overrides)
    model = util.create_one_dim_tr_model(made, (4,), (1,))
    model.set_elite(list(range(made.dynamics_model.get("num_elites", made.overrides.get("num_elites", 5)))))
    ends, reward = (need(f"mbrl.env.{room}").cartpole for room in ("termination_fns", "reward_fns"))
    world = wrapper.ModelEnv(limited(200, Clock(1)), model, ends, reward, generator=torch.Generator())
    agent = planning.create_trajectory_optim_agent_for_model(world, made.algorithm.agent, num_particles=particles)
    return lambda state: agent.act(np.asarray(state, np.float64))


def configuration(seed: int, **overrides: Any) -> Any:
    """Its configuration `pets_cartpole` on the CPU."""
    omega = need("omegaconf").OmegaConf
    folder = Path(need("mbrl").__file__).parent / "examples" / "conf"
    files = {"algorithm": "pets", "dynamics_model": "gaussian_mlp_ensemble", "overrides": "pets_cartpole"}
    made = omega.create({
        **{room: omega.load(folder / room / f"{name}.yaml") for room, name in files.items()},
        "action_optimizer": CEM, "seed": seed, "device": "cpu", "debug_mode": False,
    })  # fmt: skip
    made.dynamics_model._recursive_ = made.algorithm.agent._recursive_ = False
    made.overrides.merge_with(overrides)
    return made


def limited(max_steps: int, clock: Clock) -> Any:
    """Its environment with a time limit, watched by the clock."""
    gymnasium, module = need("gymnasium"), need("mbrl.env.cartpole_continuous")

    class Limited(gymnasium.Env):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.inner = module.CartPoleEnv()
            self.action_space, self.observation_space = self.inner.action_space, self.inner.observation_space

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            self.left = max_steps
            return self.inner.reset(seed=seed)

        def step(self, action: Any) -> Any:
            observation, reward, terminated, _, info = self.inner.step(action)
            self.left -= 1
            clock.saw(reward)
            return observation, reward, terminated, self.left == 0, info

    return Limited()
