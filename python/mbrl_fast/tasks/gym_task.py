"""What tasks over gymnasium environments with flat observations share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import gymnasium
    from torch import nn

    from mbrl_fast.data import Transitions

Array = NDArray[np.float32]

RENDER_MODES = (None, "rgb_array", "human")


@dataclass(frozen=True)
class GymTask:
    """A task whose environment observes an array of numbers, the state unless `observe` says otherwise.

    A task of this kind names its environment, its state and its action, and gives `reward` and `planner_settings`; what follows
    here are the defaults of everything else.

    Args:
        max_steps: steps until the environment truncates the episode.
    """

    max_steps: int = 200

    name: ClassVar[str]
    env_id: ClassVar[str]
    """As `gymnasium.make` takes it; "module:id" imports a module that registers it."""
    dt: ClassVar[float]
    """Seconds of one step."""
    state_size: ClassVar[int]
    action_size: ClassVar[int]
    action_limit: ClassVar[float]
    """Actions lie within ±action_limit."""
    state_names: ClassVar[tuple[str, ...]]
    state_units: ClassVar[tuple[str, ...]]
    action_names: ClassVar[tuple[str, ...]]
    action_units: ClassVar[tuple[str, ...]]
    angles: ClassVar[tuple[int, ...]] = ()
    """State entries that are angles, in radians and never wrapped: a `Gaussian` sees their cosine and sine."""
    inputs: ClassVar[dict[str, tuple[int, ...]]] = {}
    substeps: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ("gymnasium",)
    """Whatever must be importable beside PyTorch."""
    extra: ClassVar[str] = "envs"
    """The package's extra that brings them."""

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise ValueError(f"max_steps must be at least 1, got max_steps={self.max_steps}")

    @property
    def action_low(self) -> Array:
        """[action_size], the least action."""
        return np.full(self.action_size, -self.action_limit, dtype=np.float32)

    @property
    def action_high(self) -> Array:
        """[action_size], the greatest action."""
        return np.full(self.action_size, self.action_limit, dtype=np.float32)

    def make_env(self, render_mode: str | None = None, stop_at_success: bool = False) -> gymnasium.Env[Any, Any]:
        """Make the environment.

        Args:
            render_mode: None, "rgb_array" or "human".
            stop_at_success: without effect; these environments know no success.
        """
        if render_mode not in RENDER_MODES:
            raise ValueError(f'render_mode must be None, "rgb_array" or "human", got render_mode={render_mode!r}')
        try:
            for package in self.packages:
                import_module(package)
        except ImportError as error:
            needed = " and ".join(self.packages)
            raise ImportError(f"the task {self.name} needs {needed}: pip install 'mbrl-fast[{self.extra}]' ({error})") from error
        return self._make(render_mode)

    def _make(self, render_mode: str | None) -> gymnasium.Env[Any, Any]:
        import gymnasium

        rendered = {"render_mode": render_mode} if render_mode else {}  # an environment need not know of rendering
        return gymnasium.make(self.env_id, max_episode_steps=self.max_steps, disable_env_checker=True, **rendered)

    def observe(self, observation: ArrayLike) -> tuple[Array, dict[str, Array]]:
        """Read an observation of the environment.

        Returns:
            state [S], float32, and no inputs; [B, S] for a batch of observations.
        """
        return finite(observation, self.state_names), {}

    def tracker(self) -> Tracker:
        """A fresh measurement of one episode."""
        return Tracker()

    def network(self, data: Transitions, hidden_size: int) -> nn.Module:
        """A model to be trained on these transitions, which it takes its scales from."""
        from mbrl_fast.models import MLP, Gaussian

        sizes = (hidden_size, hidden_size)
        model: MLP | Gaussian = MLP(self.state_size, self.action_size, sizes)
        if self.angles:
            model = Gaussian(self.state_size, self.action_size, sizes, angles=self.angles)
        return model.normalise(data.states, data.actions, data.next_states)

    def symmetries(
        self, states: Array, actions: Array, next_states: Array, generator: np.random.Generator
    ) -> tuple[Array, Array, Array]:
        """Transitions that are equally true, drawn at random; by default those given, as nothing is known of them.

        Args:
            states: [..., S]; actions: [..., A]; next_states: [..., S]; generator: for what is drawn.
        """
        return states, actions, next_states

    def errors(self, predicted: Array, actual: Array) -> dict[str, NDArray[np.float64]]:
        """How far apart states are, entry by entry. predicted, actual: [..., S] -> {"name [unit]": [...]}."""
        apart = np.abs(predicted.astype(np.float64) - actual)
        named = zip(self.state_names, self.state_units, np.moveaxis(apart, -1, 0), strict=True)
        return {f"{name} [{unit}]": values for name, unit, values in named}


class Tracker:
    """Watches one episode. It is never over before the environment says so: every step counts."""

    done = False

    def __init__(self) -> None:
        self.steps = 0

    def update(self, observation: Any, info: dict[str, Any]) -> None:
        """Take in what ``env.step`` returned."""
        self.steps += 1

    def metrics(self) -> dict[str, Any]:
        """The episode so far: steps; of a task that knows success also success (bool) and steps_to_success (int or None)."""
        return {"steps": self.steps}


def finite(observation: ArrayLike, names: Sequence[str]) -> Array:
    """An observation as float32, [len(names)], or [B, len(names)] of a batch.

    Raises ValueError for another shape, and with the name of what is not finite.
    """
    with np.errstate(over="ignore"):  # what single precision cannot hold is infinite, and refused as that
        values = np.asarray(observation, dtype=np.float32)
    size = len(names)
    if values.shape[-1:] != (size,) or values.ndim > 2:
        raise ValueError(f"the observation must have shape ({size},) or (B, {size}), got shape {values.shape}")
    if not np.isfinite(values).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(f"the observation must be finite, got {values[index]} at {list(index)} ({names[index[-1]]})")
    return values
