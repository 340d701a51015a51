"""Which bonus explores? A room with a noisy patch, explored without a goal by PETS with either spread as its only reward.

    python -m bench.exploration_bonus [--seeds 0 1 2 3 4 5] [--trials 20] [--save]

What a planner is unsure of has two parts: chance, which stays however much is seen (the spread within a member), and what is not
known yet (the spread between the members' means). An agent that is drawn to what it is unsure of must seek the second and not the
first, which holds it wherever the world is noisy (Depeweg et al. 2018, arXiv 1710.07283; Pathak et al. 2019, arXiv 1906.04161).
One episode of random actions, then each episode after a fit to all that was seen (`mbrl_fast.online`), every one from the middle
of the room (`bench.noisy_room`). Two ways to have the spread between: members taken at their means (particles=0), and the means of
a few particles of each, in which some of the chance is left, the less the more particles there are. "no bonus" plans for the mean
of the same number, "random" does not plan. The error is that of an ensemble fitted to all that an explorer saw. Settings were
chosen on seeds from 100 on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from bench import measure
from bench.exploration_picture import picture
from bench.model_exploitation import standard_error
from bench.noisy_room import PUSH, Room, expected, noisy
from mbrl_fast.data import Transitions
from mbrl_fast.online import PETSSettings, explore, next_trial
from mbrl_fast.online.fit import fit

WEIGHT = 1000.0
"""Of the spread: so much that the mean does not count."""
EXPLORERS: dict[str, dict[str, Any] | None] = {
    "between": {"objective": "mean_between", "risk": WEIGHT, "particles": 0},
    "between, 20 particles": {"objective": "mean_between", "risk": WEIGHT, "particles": 20},
    "within": {"objective": "mean_within", "risk": WEIGHT, "particles": 20},
    "no bonus": {"particles": 0},
    "random": None,
}
CEM: dict[str, Any] = {
    "horizon": 20, "steps_per_knot": 1, "population": 60, "elites": 8, "iterations": 3, "init_std": 1.0, "noise_beta": 2.0
}  # fmt: skip
TRAINING: dict[str, Any] = {"members": 5, "hidden_sizes": (32, 32), "epochs": 40, "learning_rate": 3e-3, "patience": 40}
CELLS = 12
"""Of the room's side, to count where it was."""


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4, 5])
    parser.add_argument("--trials", type=int, default=20, help="planned episodes")
    parser.add_argument("--max-steps", type=int, default=50, help="of an episode")
    parser.add_argument("--epochs", type=int, default=TRAINING["epochs"], help="of each fit")
    parser.add_argument("--only", nargs="+", choices=list(EXPLORERS), help="these alone")
    parser.add_argument("--picture", type=Path, help="where to draw it without --save")
    parser.add_argument("--save", action="store_true", help="write bench/results/exploration_bonus.json and .png")
    options = parser.parse_args(arguments)
    names = [name for name in EXPLORERS if name in (options.only or EXPLORERS)]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for seed in tqdm(options.seeds, desc="seeds"):
        for name in names:
            runs[name].append(explored(name, seed, options))
    found = {name: summary(runs[name], options.trials) for name in names}
    settings = {"planner": CEM, "training": {**TRAINING, "epochs": options.epochs}, "explorers": EXPLORERS}
    machine = measure.machine(("gymnasium",))
    result = {"machine": machine, "options": {**vars(options), "picture": None}, **settings, "found": found}
    show(found)
    return measure.publish("exploration_bonus", result, picture, options.save, options.picture)


def explored(name: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One run: the share of quiet cells seen and of steps in the patch after each episode, where it was, and what it learnt."""
    task, bonus = Room(max_steps=options.max_steps), EXPLORERS[name]
    training = {**TRAINING, "epochs": options.epochs}
    shared: dict[str, Any] = {"task": task.name, "seed": seed, "planner": "cem", "planner_settings": CEM, **training}
    if bonus is None:
        settings = PETSSettings(**shared, particles=0, exploration_episodes=options.trials + 1)
        learnt = explore(settings, task)
    else:
        settings = PETSSettings(**shared, **bonus, trials=options.trials)
        learnt, problem = explore(settings, task), None
        while learnt.trial < options.trials:
            learnt, problem = next_trial(settings, task, learnt, problem)
    models, _ = fit(settings, task, learnt.data, None, seed, again=False, progress=False)
    return {**seen(learnt.data), "error": model_error(models.members)}


def seen(data: Transitions) -> dict[str, Any]:
    """Of each episode: the share of the quiet cells seen until its end, and of its steps that began in the patch; and all cells."""
    episodes = [data.states[data.episodes == number] for number in range(int(data.episodes.max()) + 1)]
    visited, quiet = np.zeros((CELLS, CELLS), int), quiet_cells()
    coverage = []
    for states in episodes:
        np.add.at(visited, tuple(cells(states).T), 1)
        coverage.append(float((visited > 0)[quiet].mean()))
    return {"coverage": coverage, "patch": [float(noisy(states).mean()) for states in episodes], "visited": visited}


def cells(positions: NDArray[Any]) -> NDArray[np.int64]:
    """Positions [N, 2] -> the cells they lie in, [N, 2]."""
    return np.clip(((positions + 1.0) * CELLS / 2.0).astype(np.int64), 0, CELLS - 1)


def quiet_cells() -> NDArray[np.bool_]:
    """[CELLS, CELLS], whose middle is not in the patch."""
    middles = (np.arange(CELLS) + 0.5) * 2.0 / CELLS - 1.0
    return ~noisy(np.stack(np.meshgrid(middles, middles, indexing="ij"), axis=-1))


@torch.no_grad()
def model_error(members: Sequence[torch.nn.Module], count: int = 2000) -> float:
    """RMS distance of the members' mean prediction from the truth over the quiet room, in steps of the longest push."""
    generator = np.random.default_rng(0)
    positions, actions = generator.uniform(-1.0, 1.0, (2, count, 2)).astype(np.float32)
    quiet = ~noisy(positions)
    positions, actions = positions[quiet], actions[quiet]
    predicted = np.mean([member(torch.from_numpy(positions), torch.from_numpy(actions))[0].numpy() for member in members], axis=0)
    return float(np.sqrt(((predicted - expected(positions, actions)) ** 2).sum(-1).mean())) / PUSH


def summary(runs: Sequence[dict[str, Any]], trials: int) -> dict[str, Any]:
    """Over the seeds."""
    coverage, patch = (np.array([run[name] for run in runs]) for name in ("coverage", "patch"))
    late = patch[:, 1 + trials // 2 :].mean(1)
    errors = [run["error"] for run in runs]
    return {
        "coverage": coverage.tolist(),
        "patch": patch.tolist(),
        "visited": np.sum([run["visited"] for run in runs], axis=0).tolist(),
        "final_coverage": float(coverage[:, -1].mean()),
        "final_coverage_error": standard_error(coverage[:, -1]),
        "late_patch": float(late.mean()),
        "late_patch_error": standard_error(late),
        "model_error": float(np.mean(errors)),
        "model_error_error": standard_error(errors),
    }


def show(found: dict[str, dict[str, Any]]) -> None:
    table = Table(
        title="± standard errors over seeds; the last half of the episodes for the patch; errors in steps of the longest push"
    )
    for column in ("explorer", "quiet cells seen", "steps in the patch", "error of the model"):
        table.add_column(column, justify="left" if column == "explorer" else "right")
    for name, row in found.items():
        shares = [f"{row[key]:.0%} ± {row[f'{key}_error'] or 0:.0%}" for key in ("final_coverage", "late_patch")]
        table.add_row(name, *shares, f"{row['model_error']:.2f} ± {row['model_error_error'] or 0:.2f}")
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
