"""What PETS is told, and what a task recommends. NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from mbrl_fast.planners import REGISTRY
from mbrl_fast.recipe import make_task

PROPAGATIONS = ("ts_inf", "ts1", "expectation", "distribution")
_OWN = ("particles", "propagation", "objective", "risk", "seed", "threads")
"""Settings of planners that PETSSettings has itself."""


@dataclass(frozen=True, kw_only=True)
class PETSSettings:
    """Settings of PETS (Chua et al. 2018, arXiv 1805.12114, algorithm 1); `make_settings` fills in what a task recommends.

    Attributes:
        task: its name.
        seed: of everything: starts, exploration, weights, training, planning.
        exploration_episodes: with random actions, before the first fit.
        trials: episodes with the planner, each after a fit to everything seen so far.
        max_steps: of an episode; None leaves it to the environment.
        members: networks of the ensemble.
        elites: so many of them plan, the best on validation data; None for all.
        hidden_sizes: units of each hidden layer.
        std: how a network says its spread, "bounded" or "softplus" (`models.Gaussian`).
        epochs, batch_size, learning_rate, weight_decay, patience: of each fit (`TrainingSettings`).
        symmetries: whether a fit turns and mirrors transitions as the task says is equally true (`task.symmetries`).
        warm_start: whether a fit goes on from the last one's weights, or begins anew.
        retrain_every: steps of an episode after which the model is fitted again, within it; 0: only between episodes.
        planner: "cem", "icem", "mppi", "random_shooting" or another planner that samples.
        planner_settings: of that planner, such as horizon and population.
        particles: trajectories of each candidate, a multiple of the networks that plan; 0: each network once, at its mean.
            Of "expectation" there is one, whatever is said here.
        propagation: "ts_inf" (a particle stays with its network), "ts1" (it changes at every step), "expectation" (the mean of all
            networks), "distribution" (a normal with the mean and spread of all networks).
        objective, risk: what counts of a candidate's particles (`PlannerSettings`).
        terminal_value: whether the value of the state that a plan ends in is learnt and added; the planner's discount must then be
            below 1, and is 0.99 where nothing is said.
        eval_every: trials after which fresh episodes are driven that nothing is learnt from; 0: never.
        eval_episodes: how many.
        threads: of the planner.
        training_threads: of PyTorch while it trains, whose sums depend on it in their last bits. Networks with layers below some
            hundred units are slower with more than one, and many times so on a busy machine.
    """

    task: str = "pendulum"
    seed: int = 0
    exploration_episodes: int = 1
    trials: int = 10
    max_steps: int | None = None
    members: int = 5
    elites: int | None = None
    hidden_sizes: tuple[int, ...] = (200, 200, 200)
    std: str = "bounded"
    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    patience: int = 20
    symmetries: bool = False
    warm_start: bool = False
    retrain_every: int = 0
    planner: str = "cem"
    planner_settings: Mapping[str, Any] = field(default_factory=dict)
    particles: int = 20
    propagation: str = "ts_inf"
    objective: str = "mean"
    risk: float = 0.0
    terminal_value: bool = False
    eval_every: int = 0
    eval_episodes: int = 5
    threads: int = 1
    training_threads: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden_sizes", tuple(int(size) for size in self.hidden_sizes))
        usual = {"discount": 0.99} if self.terminal_value else {}
        object.__setattr__(self, "planner_settings", {**usual, **self.planner_settings})
        object.__setattr__(self, "planner", planner_name(self.planner))
        for name in ("exploration_episodes", "trials", "members", "epochs", "batch_size", "patience", "eval_episodes"):
            _at_least(1, **{name: getattr(self, name)})
        _at_least(1, threads=self.threads, training_threads=self.training_threads)
        for name in ("seed", "retrain_every", "particles", "eval_every"):
            _at_least(0, **{name: getattr(self, name)})
        if self.max_steps is not None:
            _at_least(1, max_steps=self.max_steps)
        if self.elites is not None and not 1 <= self.elites <= self.members:
            raise ValueError(f"elites must be in 1..members, got elites={self.elites}, members={self.members}")
        if self.propagation not in PROPAGATIONS:
            raise ValueError(f"propagation must be one of {', '.join(PROPAGATIONS)}, got propagation={self.propagation!r}")
        if self.propagation.startswith("ts") and self.particles % self.planning_members:
            raise ValueError(
                f"particles must be a multiple of the networks that plan, got particles={self.particles} "
                f"for {self.planning_members} networks"
            )
        for name in _OWN:
            if name in self.planner_settings:
                raise ValueError(f"planner_settings must not have {name}: it is a setting of PETS itself")
        self._check_planner()

    def _check_planner(self) -> None:
        """A setting that the planner refuses is refused now, and not after the exploration."""
        settings_type = REGISTRY[self.planner].settings_type
        known = sorted({each.name for each in fields(settings_type)} - set(_OWN))
        for name in self.planner_settings:
            if name not in known:
                raise ValueError(f"planner_settings: {self.planner} has no setting {name!r}; it has: {', '.join(known)}")
        made = settings_type(**self.planner_options())
        if self.terminal_value and not made.discount < 1.0:
            raise ValueError(f"a terminal_value needs a discount below 1 in planner_settings, got discount={made.discount}")

    @property
    def planning_members(self) -> int:
        """Networks that plan."""
        return self.members if self.elites is None else self.elites

    def planner_options(self, seed: int = 0) -> dict[str, Any]:
        """All settings of the planner, with which this seed it draws."""
        options = {**self.planner_settings, "objective": self.objective, "risk": self.risk, "seed": seed, "threads": self.threads}
        if self.particles and self.propagation != "expectation":
            # of a distribution there is one network, the mixture, and to stay with it is all there is
            sampled = "ts1" if self.propagation == "ts1" else "ts_inf"
            options.update(particles=self.particles, propagation=sampled)
        return options

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return {**asdict(self), "hidden_sizes": list(self.hidden_sizes)}


def planner_name(name: str) -> str:
    """The planner's name as `planners.REGISTRY` has it: "CEM", "RandomShooting" and "random-shooting" are welcome too."""
    plain = {registered.replace("_", ""): registered for registered in REGISTRY}
    key = str(name).lower().replace("_", "").replace("-", "")
    if key not in plain:
        raise ValueError(f"planner must be one of {', '.join(sorted(REGISTRY))}, got planner={name!r}")
    return plain[key]


def make_settings(task: Any = "pendulum", **given: Any) -> PETSSettings:
    """Settings: what is given and not None, else what the task recommends (its `pets`, if it has one), else the defaults.

    `planner_settings` are merged one by one. With another planner than the recommended one, those are kept that it has too.

    Args:
        task: its name, or the task itself.
        given: fields of `PETSSettings`.
    """
    known = {each.name for each in fields(PETSSettings)} - {"task"}
    for name in given:
        if name not in known:
            raise TypeError(f"unknown setting {name!r}; PETSSettings has: {', '.join(sorted(known))}")
    made = make_task(task) if isinstance(task, str) else task
    recommended = dict(getattr(made, "pets", {}))
    given = {name: value for name, value in given.items() if value is not None}
    merged = {**recommended, **given, "task": task if isinstance(task, str) else made.name}
    merged["planner_settings"] = _merge_planner(recommended, given, merged.get("planner", PETSSettings.planner))
    return PETSSettings(**merged)


def _merge_planner(recommended: Mapping[str, Any], given: Mapping[str, Any], planner: str) -> dict[str, Any]:
    settings_type = REGISTRY[planner_name(planner)].settings_type
    has = {each.name for each in fields(settings_type)}
    kept = {name: value for name, value in recommended.get("planner_settings", {}).items() if name in has}
    return {**kept, **given.get("planner_settings", {})}


def _at_least(least: int, **named: Any) -> None:
    for name, value in named.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an integer, got {name}={value!r}")
        if value < least:
            raise ValueError(f"{name} must be >= {least}, got {name}={value}")
