"""`mbrl-fast train`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mbrl_fast.commands.common import Flag, say


@dataclass(frozen=True)
class Train:
    """Collect data, train an ensemble, export it, verify the file, and keep it all in a run folder.

    Try:
      mbrl-fast train --task parking --seed 1 --out runs/first
      mbrl-fast train --out runs/driven --transitions 2000 --rounds 2 --on-policy 1000
      mbrl-fast train --out runs/bicycle --model physics --transitions 200
    """

    out: Path
    """Run folder to make. It appears whole, when training has ended, or not at all."""
    task: str = "parking"
    """What to learn. There are: parking, parking-parked (ten other cars stand there), pendulum, cartpole, and in MuJoCo
    cartpole-swingup, inverted-pendulum, reacher, half-cheetah; or a task of your own, "module:Class"."""
    seed: int = 0
    """Of data, weights and training. The same seed gives the same file."""
    transitions: int | None = None
    """Random environment steps to learn from (about 5 ms each). Default, as for all below: what the task recommends."""
    rounds: int | None = None
    """Rounds of driving with the planner and training anew on everything seen so far, after the random data."""
    on_policy: int | None = None
    """Environment steps of each round."""
    members: int | None = None
    """Networks in the ensemble. A candidate's return is the mean over them."""
    hidden_size: int | None = None
    """Units in the hidden layer of each network."""
    epochs: int | None = None
    """Passes over the data, at most."""
    model: str = "network"
    """network: an ensemble. physics: the task's equations, whose few unknown numbers are fitted; 200 transitions are enough."""
    overwrite: Flag = False
    """Replace the run folder if there is one."""

    def run(self) -> None:
        """Run it."""
        from mbrl_fast.pipeline import build
        from mbrl_fast.recipe import make_recipe
        from mbrl_fast.run import new_run

        recipe = make_recipe(
            self.task, model=self.model, seed=self.seed, transitions=self.transitions, rounds=self.rounds, on_policy=self.on_policy,
            members=self.members, hidden_size=self.hidden_size, epochs=self.epochs,
        )  # fmt: skip
        with new_run(self.out, self.overwrite) as run:
            build(recipe, run, say)
        print(f"{self.out}: now try  mbrl-fast evaluate {self.out}")
