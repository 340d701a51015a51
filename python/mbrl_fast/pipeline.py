"""From nothing to a Problem file: collect, train, export, verify, each into a run folder."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mbrl_fast.agent import Agent
from mbrl_fast.recipe import Recipe, make_task
from mbrl_fast.run import Run

if TYPE_CHECKING:
    from mbrl_fast.data import Transitions
    from mbrl_fast.planners import Planner, Refined
    from mbrl_fast.problem import Problem
    from mbrl_fast.training import History

Say = Callable[[str], None]


@dataclass(frozen=True)
class Built:
    """What `build` made; all of it is in the run folder too."""

    task: Any
    data: Transitions
    history: History
    problem: Problem
    models: list[Any]


def build(recipe: Recipe, run: Run, say: Say = lambda line: None, progress: bool = True, task: Any = None) -> Built:
    """Collect, train, export and verify, as the recipe says; write data, Problem file, metrics and plots into the run folder.

    Args:
        recipe: what to do. run: where it is kept. say: told what happens. progress: show bars.
        task: to drive in place of `make_task(recipe.task)`: with other parameters.

    Raises ImportError with a sentence if an extra is missing, ValueError if the exported file fails its own check.
    """
    task = task or make_task(recipe.task)
    needs_extras(task.packages, getattr(task, "extra", "envs"))
    from mbrl_fast.data import concatenate

    say(f"collecting {recipe.transitions:,} random transitions of {task.name} (seed {recipe.seed})")
    data = _collect(recipe, task, progress)
    run.log("collect", transitions=len(data), crashes=int(data.crashed.sum()), seed=recipe.seed)
    models, history = _train(recipe, task, data, run, say, progress, last=recipe.rounds == 0)
    for round in range(1, recipe.rounds + 1):
        say(f"round {round} of {recipe.rounds}: driving {recipe.on_policy:,} transitions with the planner")
        driven = _drive(recipe, task, models, round, progress)
        run.log("drive", round=round, transitions=len(driven), crashes=int(driven.crashed.sum()))
        data = concatenate([data, driven])
        models, history = _train(recipe, task, data, run, say, progress, last=round == recipe.rounds)
    problem = export_for(task, models)
    data.save(run.transitions)
    say("exporting to a Problem file and verifying it")
    problem.save(run.problem)
    run.log("verify", relative_error=problem.verify(), real_transitions=len(data), **_identified(recipe, models))
    _draw(run, task, history)
    run.write_config(describe(recipe))
    return Built(task, data, history, problem, models)


def _collect(recipe: Recipe, task: Any, progress: bool) -> Transitions:
    from mbrl_fast.data import collect

    return collect(task, recipe.transitions, recipe.seed, progress=progress, **getattr(task, "random_driving", {}))


def _drive(recipe: Recipe, task: Any, models: list[Any], round: int, progress: bool) -> Transitions:
    """Each round has starts and noise of its own."""
    from mbrl_fast.data import collect_with

    agent = Agent(make_planner(export_for(task, models), task.planner_settings()), task)
    seed = int(np.random.SeedSequence([recipe.seed, round]).generate_state(1)[0])
    return collect_with(agent, task, recipe.on_policy, seed, progress=progress, **getattr(task, "planned_driving", {}))


def _train(
    recipe: Recipe, task: Any, data: Transitions, run: Run, say: Say, progress: bool, last: bool
) -> tuple[list[Any], History]:
    """Anew each round, so that members stay different; models that only gather data for the next one get a third of the epochs."""
    say(f"training on {len(data):,} real transitions")
    models, history = _fit(recipe, task, data, progress, last)
    log_history(run, history)
    return models, history


def _fit(recipe: Recipe, task: Any, data: Transitions, progress: bool, last: bool) -> tuple[list[Any], History]:
    from mbrl_fast.training import TrainingSettings, make_members, train

    if recipe.model == "physics":
        from mbrl_fast.identify import identify

        if not hasattr(task, "physics"):
            raise ValueError(f"the task {task.name} has no equations to identify: choose --model network")
        model, history = identify(task.physics(), data, seed=recipe.seed, task=task)
        return [model], history
    recommended = getattr(task, "training", {})
    epochs = recipe.epochs or recommended.get("epochs", TrainingSettings.epochs)
    settings = TrainingSettings(**{**recommended, "seed": recipe.seed, "epochs": epochs if last else max(1, epochs // 3)})
    networks = make_members(lambda: task.network(data, recipe.hidden_size), recipe.members, recipe.seed)
    return train(networks, data, settings, augment=task.symmetries, task=task, progress=progress)


def _identified(recipe: Recipe, models: list[Any]) -> dict[str, Any]:
    from mbrl_fast.identify import parameters_of

    return {"identified": parameters_of(models[0])} if recipe.model == "physics" else {}


def export_for(task: Any, models: list[Any]) -> Problem:
    """Export models with what a task says of reward, termination and terminal value; another task's need no training."""
    from mbrl_fast.export import export

    termination, value = (getattr(task, name, lambda: None)() for name in ("termination", "terminal_value"))
    dynamics = models if len(models) > 1 else models[0]
    return export(dynamics, task.reward(), env=task, termination=termination, terminal_value=value)


def log_history(run: Run, history: History) -> None:
    """Write one line an epoch with the mean loss over members, and one with what was kept."""
    for epoch, (train, validation) in enumerate(zip(history.train_loss, history.validation_loss, strict=True)):
        run.log("epoch", epoch=epoch, train_loss=float(train.mean()), validation_loss=float(validation.mean()))
    open_loop = {name: np.round(error, 6).tolist() for name, error in history.open_loop.items()}
    run.log("trained", best_epoch=history.best_epoch.tolist(), open_loop=open_loop)


def _draw(run: Run, task: Any, history: History) -> None:
    from mbrl_fast import plot

    plot.save(plot.losses(history), run.plots / "losses.png")
    if history.open_loop:  # validation episodes may be too short for it
        plot.save(plot.open_loop(history, task.dt), run.plots / "open_loop.png")


def describe(recipe: Recipe) -> dict[str, Any]:
    """Give config.json: what it takes to repeat the run, and the planner that belongs to it."""
    return {
        "format": 1,
        "command": sys.argv,
        "recipe": asdict(recipe),
        "planner": make_task(recipe.task).planner_settings(),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Give the versions of whatever takes part and is installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in ("mbrl-fast", "numpy", "torch", "gymnasium", "highway-env", "mujoco"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def needs_extras(packages: Sequence[str], extra: str = "envs") -> None:
    """Raise ImportError with a sentence that says what to install, if one of these or what else training needs is missing.

    Args:
        packages: of the task. extra: that brings them.
    """
    try:
        for package in (*packages, "torch", "tqdm"):
            import_module(package)
    except ImportError as error:
        raise ImportError(f'training needs {error.name}: pip install "mbrl-fast[train,{extra}]"') from None


def load_problem(path: Path) -> Problem:
    """Load a Problem file as `mbrl_fast.load` does, with the file's name in what it refuses."""
    from mbrl_fast.problem import load

    if not path.is_file():
        raise FileNotFoundError(f"no Problem file at {path}")
    try:
        return load(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def make_planner(problem: Problem, settings: Mapping[str, Any]) -> Planner | Refined:
    """Make the planner of these settings: those of the one that is named, or `CEM`'s.

    If "refine" is among them, those of `ILQR`, which then improves its plans.
    """
    from mbrl_fast.planners import ILQR, REGISTRY, PlannerSettings, Refined

    refine, name = settings.get("refine"), settings.get("name", "cem")
    sampler = REGISTRY[name](problem, **{key: value for key, value in settings.items() if key not in ("name", "refine")})
    if refine is None:
        return sampler
    shared = {field.name: getattr(sampler.settings, field.name) for field in fields(PlannerSettings)}
    return Refined(sampler, ILQR(problem, **{**shared, **refine}))


def load_agent(problem: Path, settings: Mapping[str, Any], task: Any, delay: float = 0.0) -> Agent:
    """Make an agent from a Problem file and the settings of its planner. NumPy alone; workers call it."""
    return Agent(make_planner(load_problem(problem), settings), task, delay)
