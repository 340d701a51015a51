"""What a pipeline is told: the recipe, the task by its name, and what is recommended for it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

MODELS = ("network", "physics")


@dataclass(frozen=True)
class Recipe:
    """What is trained, and on what.

    Args:
        task: a name in `mbrl_fast.tasks.TASKS`, or "module:Class" of your own.
        seed: of data, initial weights and training.
        transitions: random environment steps to learn from.
        members: networks of the ensemble.
        hidden_size: units of each network's hidden layer.
        epochs: passes over the data, at most; None leaves it to `TrainingSettings`.
        rounds: of driving with the planner and training anew on everything seen so far, after the random data.
        on_policy: environment steps of each round. So `real_transitions` are seen in total.
        model: "network" trains an ensemble; "physics" fits the task's equations, one model whatever `members` says.
    """

    task: str = "parking"
    seed: int = 0
    transitions: int = 2000
    members: int = 5
    hidden_size: int = 64
    epochs: int | None = None
    rounds: int = 0
    on_policy: int = 1000
    model: str = "network"

    def __post_init__(self) -> None:
        for name in ("transitions", "members", "hidden_size", "on_policy"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {name}={getattr(self, name)}")
        if self.epochs is not None and self.epochs < 1:
            raise ValueError(f"epochs must be >= 1, got epochs={self.epochs}")
        if self.rounds < 0:
            raise ValueError(f"rounds must be >= 0, got rounds={self.rounds}")
        if self.model not in MODELS:
            raise ValueError(f"model must be one of {', '.join(MODELS)}, got {self.model!r}")

    @property
    def real_transitions(self) -> int:
        """Environment steps in total."""
        return self.transitions + self.rounds * self.on_policy


PHYSICS = {"transitions": 200, "members": 1, "rounds": 0}
"""What is enough for a handful of numbers."""


def make_recipe(task: str = "parking", *, model: str = "network", **given: Any) -> Recipe:
    """Make a recipe: what is given and not None, else what the task recommends (its `recipe`, if it has one), else the defaults."""
    recommended = dict(PHYSICS) if model == "physics" else getattr(make_task(task), "recipe", {})
    known = {name: value for name, value in given.items() if value is not None}
    return Recipe(task=task, model=model, **{**recommended, **known})


def make_task(name: str) -> Any:
    """Make a task by name: one of `mbrl_fast.tasks.TASKS`, or "module:Class" of a module that can be imported.

    Raises ValueError that lists the names there are, or says what of the module or the class is missing.
    """
    from mbrl_fast.tasks import TASKS

    if ":" in name:
        return _own_task(name)
    if name not in TASKS:
        raise ValueError(f'task must be one of {", ".join(sorted(TASKS))}, or "module:Class" of your own, got {name!r}')
    return TASKS[name]()


def _own_task(name: str) -> Any:
    module, _, kind = name.partition(":")
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ValueError(f"the module of the task {name!r} must be importable, there is no module {module!r}") from None
    if not hasattr(found, kind):
        raise ValueError(f"the task {name!r} must be a class of its module, {module} has no {kind!r}")
    return getattr(found, kind)()
