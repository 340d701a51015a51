"""`mbrl-fast pets`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mbrl_fast.commands.common import Flag, say


@dataclass(frozen=True)
class Pets:
    """Learn online: drive at random, then in turn fit an ensemble to all that was seen and drive an episode with it.

    PETS (Chua et al. 2018). The run folder keeps a checkpoint after every episode; a run that was killed goes on with
    --resume to the same curve. With several seeds each has a folder of its own in --out, and --jobs of them run at once.

    Try:
      mbrl-fast pets --task pendulum --seed 0 --out runs/pets
      mbrl-fast pets --task pendulum --out runs/pets --trials 20 --resume
      mbrl-fast pets --task pendulum --out runs/five --seeds 0 1 2 3 4 --jobs 2
      mbrl-fast evaluate runs/pets --episodes 20
    """

    out: Path
    """Run folder to make, or with --resume to go on with."""
    task: str = "pendulum"
    """What to learn: pendulum, cartpole, cartpole-swingup, inverted-pendulum, reacher, half-cheetah, parking, parking-parked, or
    module:Class of your own."""
    seed: int = 0
    """Of everything: the same seed gives the same curve."""
    seeds: tuple[int, ...] = ()
    """Several of them, in place of --seed."""
    jobs: int = 1
    """Seeds that run at once, each with one thread. Needs joblib."""
    trials: int | None = None
    """Episodes that are planned. Default, as for all below: what the task recommends."""
    exploration_episodes: int | None = None
    """Episodes with random actions, before the first fit."""
    max_steps: int | None = None
    """Steps of an episode, at most."""
    members: int | None = None
    """Networks in the ensemble."""
    elites: int | None = None
    """So many of them plan, the best on validation data."""
    hidden_sizes: tuple[int, ...] | None = None
    """Units of each hidden layer, such as 200 200 200."""
    epochs: int | None = None
    """Passes over the data in each fit, at most."""
    learning_rate: float | None = None
    """Of each fit."""
    retrain_every: int | None = None
    """Steps of an episode after which the model is fitted again; 0: only between episodes."""
    planner: str | None = None
    """cem, icem, mppi or random_shooting."""
    horizon: int | None = None
    """Steps that the planner looks ahead."""
    population: int | None = None
    """Candidates of each iteration."""
    iterations: int | None = None
    """Iterations of a plan."""
    particles: int | None = None
    """Trajectories of each candidate through the ensemble, a multiple of its networks; 0: each network once, at its mean."""
    propagation: str | None = None
    """ts_inf: a particle stays with its network. ts1: it changes at every step. expectation, distribution: one model of all."""
    objective: str | None = None
    """What counts of a candidate's particles: mean, mean_std, worst, cvar, …"""
    risk: float | None = None
    """Of the objective."""
    terminal_value: Flag = False
    """Learn the value of the state that a plan ends in, too, and plan with it: for short horizons."""
    eval_every: int | None = None
    """Trials after which fresh episodes are driven, from which nothing is learnt; 0: never."""
    eval_episodes: int | None = None
    """How many."""
    threads: int | None = None
    """Of the planner."""
    training_threads: int | None = None
    """Of PyTorch while it trains: more than one helps large networks alone."""
    resume: Flag = False
    """Go on from the checkpoint in --out, if there is one."""
    overwrite: Flag = False
    """Replace the run folder if there is one."""
    tensorboard: Flag = False
    """Write event files for TensorBoard, too."""
    tracker: str | None = None
    """wandb, trackio or another package with init, log and finish: gets all numbers."""

    def run(self) -> None:
        """Run it."""
        from mbrl_fast.pipeline import needs_extras

        needs_extras(())
        from mbrl_fast.online import learn, make_settings

        settings = make_settings(self.task, seed=self.seed, **self._given())
        options = {name: getattr(self, name) for name in ("resume", "overwrite", "tensorboard", "tracker")}
        if self.seeds:
            from mbrl_fast.sweep import sweep

            sweep({"": settings}, self.seeds, self.out, jobs=self.jobs, say=say, **options)
            print(f"{self.out}: {len(self.seeds)} runs; the curve of all is in {self.out / 'learning_curve.png'}")
            return
        learn(settings, self.out, say=say, progress=True, **options)
        print(f"{self.out}: now try  mbrl-fast evaluate {self.out}")

    def _given(self) -> dict[str, Any]:
        """Settings of PETS that were given; those of its planner are a dict of their own."""
        names = (
            "trials", "exploration_episodes", "max_steps", "members", "elites", "hidden_sizes", "epochs", "learning_rate",
            "retrain_every", "planner", "particles", "propagation", "objective", "risk", "eval_every", "eval_episodes", "threads",
            "training_threads",
        )  # fmt: skip
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        given.update({"terminal_value": True} if self.terminal_value else {})
        planner = {name: getattr(self, name) for name in ("horizon", "population", "iterations") if getattr(self, name) is not None}
        return {**given, "planner_settings": planner}
