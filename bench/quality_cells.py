"""The cells of bench.episode_quality: one driver at one budget each. A cell's results are one file, and are driven once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

import mbrl_fast as mf
from bench.closed_loop import Driver, PlannerDriver, PolicyDriver, SingleDriver, World, drive, summary
from bench.contenders import NotInstalledError, sb3_her
from bench.parking_batch import RealWorld, Replica
from bench.quality_sizes import TooDearError, fitted
from mbrl_fast.data import Transitions
from mbrl_fast.demo import NotebookPlanner
from mbrl_fast.models import Bicycle
from mbrl_fast.pipeline import build, export_for
from mbrl_fast.planners import REGISTRY
from mbrl_fast.recipe import Recipe
from mbrl_fast.reference.notebook import train_notebook_model
from mbrl_fast.run import new_run
from mbrl_fast.tasks import Parking

NOTEBOOK, BICYCLE, ENSEMBLE = "notebook, PyTorch", "exact bicycle", "learnt ensemble"
SLOTS = 8


@dataclass(frozen=True)
class Setup:
    """What all cells share.

    Attributes:
        world: "replica" (screening) or "env" (the real environment).
        episodes: of each cell; seeds from `first_seed` on.
        transitions: random environment steps that the learnt ensemble and the notebook's network are trained on.
        epochs: of the ensemble's training, None for the default; of the notebook's 1,500 always.
        ensemble: a Problem file to use instead of training one; the notebook's row then needs `data`, its transitions.
    """

    folder: Path
    world: str = "replica"
    episodes: int = 200
    first_seed: int = 30_000
    max_steps: int = 200
    transitions: int = 2000
    epochs: int | None = None
    seed: int = 0
    ensemble: Path | None = None
    data: Path | None = None
    policy_points: tuple[int, ...] = (2000, 5000, 10_000, 20_000, 35_000, 50_000)
    policy: dict[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> Parking:
        return Parking(max_steps=self.max_steps)

    def make_world(self, slots: int) -> World:
        """Where the episodes are."""
        return (RealWorld if self.world == "env" else Replica)(self.task, slots)

    def conditions(self) -> dict[str, Any]:
        """What two results must share to stand in one table."""
        names = ("world", "first_seed", "max_steps", "transitions", "epochs", "seed")
        return {name: getattr(self, name) for name in names} | {"ensemble": str(self.ensemble) if self.ensemble else None}

    def problem(self, model: str) -> mf.Problem:
        """By the model's name; the ensemble is trained once and kept in the folder."""
        if model == BICYCLE:
            return export_for(self.task, [Bicycle()])
        if self.ensemble:
            return mf.load(self.ensemble)
        return mf.load(self._trained() / "problem.safetensors")

    def _trained(self) -> Path:
        run = self.folder / "ensemble"
        if not (run / "problem.safetensors").exists():
            with new_run(run) as fresh:
                build(Recipe(seed=self.seed, transitions=self.transitions, epochs=self.epochs), fresh, print)
        return run

    def notebook(self) -> NotebookPlanner:
        """The notebook's planner with its own network on the ensemble's transitions."""
        import torch

        if self.ensemble and not self.data:
            raise NotInstalledError("the notebook's network needs --data, the transitions of --ensemble")
        data = Transitions.load(self.data or self._trained() / "transitions.npz")
        arrays = map(torch.from_numpy, (data.states, data.actions, data.next_states))
        return NotebookPlanner(train_notebook_model(*arrays, seed=self.seed))


@dataclass(frozen=True)
class Cell:
    """One driver at one budget; unit is "ms", "steps" or "" for one without a size."""

    agent: str
    model: str
    unit: str = ""
    budget: float = 0.0

    @property
    def name(self) -> str:
        size = f" at {self.budget:g} {self.unit}" if self.unit else ""
        return f"{self.agent}, {self.model}{size}" if self.model else self.agent

    def path(self, setup: Setup) -> Path:
        """Of its results."""
        return setup.folder / "cells" / (self.name.replace(" ", "_").replace(",", "").replace("+", "and") + ".json")


def cells(milliseconds: list[float], steps: list[float], models: list[str]) -> list[Cell]:
    """Every planner of the registry at every budget with every model, then the peers."""
    found = [
        Cell(name, model, unit, budget)
        for model in models
        for name in sorted(REGISTRY)
        for unit, budgets in (("ms", milliseconds), ("steps", steps))
        for budget in budgets
    ]
    return [*found, Cell(NOTEBOOK, "its own network"), *[Cell(name, "") for name in sb3_her.ALGORITHMS]]


def run(cell: Cell, setup: Setup) -> dict[str, Any]:
    """The cell's results: from its file if it has them all, else driven now and written."""
    held = read(cell, setup)
    if held and _complete(held, setup):
        return held
    result: dict[str, Any] = {"cell": vars(cell), "conditions": setup.conditions()}
    try:
        if cell.agent in sb3_her.ALGORITHMS:
            result |= _learnt(cell, setup, (held or {}).get("curve", []))
        else:
            result |= _driven(cell, setup)
    except (NotInstalledError, TooDearError) as reason:
        result["absent"] = str(reason)
    _write(cell, setup, result)
    return result


def _complete(held: dict[str, Any], setup: Setup) -> bool:
    """What was absent or too dear is tried again; a policy learns on until the last point."""
    if "curve" in held:
        return bool(held["curve"][-1]["transitions"] >= max(setup.policy_points))
    return "absent" not in held


def read(cell: Cell, setup: Setup) -> dict[str, Any] | None:
    """What is known of a cell under these conditions, with as many episodes at least."""
    path = cell.path(setup)
    if not path.exists():
        return None
    held: dict[str, Any] = json.loads(path.read_text())
    if held["conditions"] != setup.conditions():
        raise SystemExit(f"{path} was driven under other conditions: {held['conditions']}; use another --folder")
    enough = "absent" in held or held["row"]["episodes"] >= setup.episodes
    return held if enough else None


def _write(cell: Cell, setup: Setup, result: dict[str, Any]) -> None:
    path = cell.path(setup)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result) + "\n")
    part.replace(path)


def _driven(cell: Cell, setup: Setup) -> dict[str, Any]:
    sized: dict[str, Any] = {}
    if cell.agent == NOTEBOOK:
        driver: Driver = SingleDriver(setup.notebook())
    else:
        problem = setup.problem(cell.model)
        settings, cost = fitted(cell.agent, problem, setup.task, cell.unit, cell.budget, _starts(setup))
        planner = REGISTRY[cell.agent](problem, **settings)
        driver, sized = PlannerDriver(planner), {"settings": settings, "cost": cost, "planner": repr(planner)}
    episodes = list(_episodes(driver, setup, cell.name))
    return {**sized, "row": summary(episodes), "episodes": episodes}


def _learnt(cell: Cell, setup: Setup, curve: list[dict[str, Any]]) -> dict[str, Any]:
    """Success against real transitions; written after every point."""
    models = sb3_her.learn(cell.agent, cell.path(setup).parent, setup.policy_points, setup.seed, **setup.policy)
    cell.path(setup).parent.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"curve": curve}
    for transitions, model in models:
        row = summary(list(_episodes(PolicyDriver(model), setup, f"{cell.name} after {transitions:,}")))
        curve.append({"transitions": transitions, **row})
        result = {"curve": curve, "row": row}
        _write(cell, setup, {"cell": vars(cell), "conditions": setup.conditions(), **result})
    return result


def _episodes(driver: Driver, setup: Setup, name: str) -> Iterator[dict[str, Any]]:
    world = setup.make_world(1 if isinstance(driver, SingleDriver) else min(SLOTS, setup.episodes))
    try:
        seeds = range(setup.first_seed, setup.first_seed + setup.episodes)
        yield from tqdm(drive(driver, world, seeds), desc=name, total=setup.episodes, mininterval=5.0, leave=False)
    finally:
        world.close()


def _starts(setup: Setup) -> tuple[Any, Any]:
    """States and goals to size planners on: not those that are driven."""
    world = Replica(setup.task, SLOTS)
    for slot in range(SLOTS):
        world.start(slot, 10_000 + slot)
    world.close()
    return world.states.astype(np.float32), world.goals.astype(np.float32)
