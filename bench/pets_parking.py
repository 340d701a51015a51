"""Parking learnt online: real transitions until 0.9 success, beside SAC and TQC with hindsight replay.

    python -m bench.pets_parking [--seeds 0 1 2] [--networks lti gaussian] [--her-points 2000 5000] [--work DIR] [--save]

`mbrl-fast pets --task parking`: episodes of random actions, then planned ones of at most 60 steps, after every fourth of which
fresh episodes are driven that nothing is learnt from, within 60 steps, too. What counts is the first of these evaluations in which
0.9 reach the spot by the environment's own rule, and whether later ones do. A transition is one ``env.step``, exploration and
crashes among them, evaluations not.

What PETS is told beyond its transitions, and the policies are not: the reward, that parked means stopped (the terminal value),
where the walls are, that open ground looks alike everywhere and in every direction. "gaussian" is PETS without the last of these:
Gaussian networks that see everything, a particle each.

The policies are stable-baselines3's and sb3-contrib's with highway-env's settings (``bench.contenders.sb3_her``), evaluated within
100 steps. Without --her-points what ``bench/results/episode_quality.json`` knows of them is shown (50 episodes of 200 steps). Runs
are kept in --work: a bench that was cut goes on. Settings were chosen on seeds from 100 on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import measure
from bench.contenders import NotInstalledError, sb3_her
from bench.pets_pictures import success_picture
from mbrl_fast.episode import run_episode
from mbrl_fast.models import Gaussian
from mbrl_fast.online import Learnt, PETSSettings, learn, make_settings
from mbrl_fast.tasks import Parking

GOAL = 0.9
EVERY = 4
"""Trials from one evaluation to the next."""
POLICY_STEPS = 100
EVALUATION_SEED = 70_000
"""Of the policies' episodes; those of PETS have streams of their own, apart from the trials'."""
GAUSSIAN: dict[str, Any] = {
    "hidden_sizes": (64, 64), "epochs": 300, "batch_size": 32, "learning_rate": 3e-3, "patience": 50, "symmetries": False,
    "particles": 5, "trials": 32,
}  # fmt: skip
NETWORKS: dict[str, dict[str, Any]] = {"lti": {}, "gaussian": GAUSSIAN}
Row = dict[str, Any]


class GaussianParking(Parking):
    """The task, of which Gaussians are learnt that know nothing of cars."""

    def model(self, hidden_sizes: tuple[int, ...], std: str) -> Gaussian:
        """Of all of the state."""
        return Gaussian(self.state_size, self.action_size, hidden_sizes, std=std)


class Policy:
    """Drives with what a policy of stable-baselines3 says."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def reset(self) -> None:
        """Nothing to forget."""

    def act(self, observation: Any) -> Any:
        """The policy's mean action, [2]."""
        return self.model.predict(observation, deterministic=True)[0]


def main(arguments: Sequence[str] | None = None) -> Row:
    options = parse(arguments)
    result: Row = {
        "machine": measure.machine(("highway-env", "stable-baselines3", "sb3-contrib")),
        "options": {**vars(options), "work": options.work.name}, "goal": GOAL, "networks": {},
    }  # fmt: skip
    for network in options.networks:
        seeds = options.gaussian_seeds if network == "gaussian" else options.seeds
        found = result["networks"][network] = {"settings": {**settings(network, 0, options).to_dict(), "seed": seeds}}
        found["seeds"] = {str(seed): summary(run(network, seed, options)) for seed in seeds}
        show(network, found["seeds"])
    result["policies"] = policies(options)
    for name, rows in result["policies"].items():
        print(name, ", ".join(f"{row['success_rate']:.2f} at {row['transitions']:,}" for row in rows))
    if options.save:
        path = measure.save("pets_parking", result)
        success_picture(result["networks"], result["policies"], GOAL, path.with_suffix(".png"))
        print(path)
    return result


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--gaussian-seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["lti"], help="what is learnt")
    parser.add_argument("--trials", type=int, help="default as the task recommends")
    parser.add_argument("--max-steps", type=int, help="of an episode, default as the task recommends")
    parser.add_argument("--epochs", type=int, help="of each fit")
    parser.add_argument("--episodes", type=int, default=30, help="of each evaluation")
    parser.add_argument("--her-points", type=int, nargs="+", help="transitions after which the policies are evaluated")
    parser.add_argument("--work", type=Path, default=Path("runs/pets_parking"), help="where runs are kept")
    parser.add_argument("--save", action="store_true", help="write bench/results/pets_parking.json and .png")
    return parser.parse_args(arguments)


def settings(network: str, seed: int, options: argparse.Namespace) -> PETSSettings:
    """What the task recommends, what the network needs besides, and the options."""
    options_given = {name: getattr(options, name) for name in ("trials", "max_steps", "epochs")}
    given = NETWORKS[network] | {name: value for name, value in options_given.items() if value is not None}
    return make_settings("parking", seed=seed, eval_every=EVERY, eval_episodes=options.episodes, **given)


def run(network: str, seed: int, options: argparse.Namespace) -> Learnt:
    """All trials of one seed; the run folder goes on where it was cut."""
    task = GaussianParking() if network == "gaussian" else Parking()
    return learn(settings(network, seed, options), options.work / f"{network}{seed}", task=task, resume=True, say=print)


def summary(learnt: Learnt) -> Row:
    """Real transitions and success of each evaluation, when the goal was reached, and where the seconds went."""
    rows = [record for record in learnt.trials if "evaluation_successes" in record]
    success = [sum(row["evaluation_successes"]) / len(row["evaluation_successes"]) for row in rows]
    phases = ("fit", "export", "plan", "environment")
    return {
        "steps": [row["step"] for row in rows],
        "success": success,
        "reached_at": next((row["step"] for row, rate in zip(rows, success, strict=True) if rate >= GOAL), None),
        "crashes": sum(record["crash"] for record in learnt.records),
        **{f"seconds_{phase}": sum(record[f"seconds_{phase}"] for record in learnt.trials) for phase in phases},
    }


def policies(options: argparse.Namespace) -> dict[str, list[Row]]:
    """Success of either policy after real transitions: learnt now, or as another bench has saved it."""
    if options.her_points:
        return {name: policy(name, options) for name in sb3_her.ALGORITHMS}
    cells = json.loads((measure.RESULTS / "episode_quality.json").read_text())["cells"]
    kept = ("transitions", "success_rate", "episodes")
    return {name: [{key: row[key] for key in kept} for row in cells[name].get("curve", [])] for name in sb3_her.ALGORITHMS}


def policy(name: str, options: argparse.Namespace) -> list[Row]:
    """Learn one policy, one seed; rows that were evaluated before are read from the folder."""
    folder, task = options.work / "her", Parking(max_steps=POLICY_STEPS)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    rows: list[Row] = json.loads(path.read_text()) if path.exists() else []
    seeds = range(EVALUATION_SEED, EVALUATION_SEED + options.episodes)
    try:
        for transitions, model in sb3_her.learn(name, folder, options.her_points, options.seeds[0]):
            reached = [run_episode(Policy(model), task, seed).metrics["success"] for seed in seeds]
            rows.append({"transitions": transitions, "success_rate": sum(reached) / len(reached), "episodes": len(reached)})
            path.write_text(json.dumps(rows) + "\n")
    except NotInstalledError as reason:
        print(f"{name}: {reason}")
    return rows


def show(network: str, seeds: dict[str, Row]) -> None:
    table = Table(title=f"{network}: real transitions until {GOAL:.0%} of fresh episodes succeed")
    for column in ("seed", "reached at", "success of each evaluation", "crashes", "seconds"):
        table.add_column(column, justify="right")
    for seed, row in seeds.items():
        seconds = sum(value for key, value in row.items() if key.startswith("seconds"))
        rates = " ".join(f"{rate:.2f}" for rate in row["success"])
        table.add_row(seed, str(row["reached_at"]), rates, str(row["crashes"]), f"{seconds:.0f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
