"""Problem: what is planned on. Loading one and planning on it need NumPy alone."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbrl_fast import _core, tensors
from mbrl_fast.objective import native_objective, native_propagation

if TYPE_CHECKING:
    from mbrl_fast.export.spec import ExportSpec

Floats = NDArray[np.float32]


class Quadratic(NamedTuple):
    """A Problem around a trajectory of T steps, see :meth:`Problem.quadratic`. δ = (state, action) or (state, action, previous
    action), V numbers; C is symmetric and positive semidefinite.

    next state ≈ f + jacobian·δ, reward ≈ rewards + gradient·δ − ½ δᵀ·curvature·δ, terminal value likewise.
    """

    jacobian: Floats  # [T, S, V]
    rewards: Floats  # [T]
    gradient: Floats  # [T, V]
    curvature: Floats  # [T, V, V]
    terminal_value: float
    terminal_gradient: Floats  # [S]
    terminal_curvature: Floats  # [S, S]


class Problem:
    """Dynamics (one or more members), reward, terminal value, termination, bounds and time step, compiled for planning.

    Made by :func:`mbrl_fast.export` from PyTorch modules or by :func:`mbrl_fast.load` from a file. In the shapes below ``S`` is
    ``state_size``, ``A`` is ``action_size``, ``N`` a number of candidates, ``H`` the horizon in knots.
    """

    def __init__(self, data: bytes, spec: ExportSpec | None = None) -> None:
        self._bytes = bytes(data)
        self._core = _core.Problem(self._bytes)
        self._rollouts = _core.Rollouts(self._core)
        self._graph: dict[str, Any] = json.loads(self._core.graph)
        self._spec = spec
        self._updating = threading.Lock()
        self._version = 0
        # The newest weights' file and the one before, by version; replaced, never changed: a planner holds on to what it saw.
        self._files = {0: self._bytes}

    state_size = property(lambda self: self._core.state_size, doc="S, numbers in a state.")
    action_size = property(lambda self: self._core.action_size, doc="A, numbers in an action.")
    dt = property(lambda self: self._core.dt, doc="Seconds per model step.")
    members = property(lambda self: self._core.members, doc="Networks of the ensemble; 1 for a single model.")
    action_low = property(lambda self: self._core.action_low, doc="Lower bounds [A].")
    action_high = property(lambda self: self._core.action_high, doc="Upper bounds [A].")
    reward_bound = property(
        lambda self: self._core.reward_bound,
        doc="No reward exceeds this, for actions within the bounds: declared or derived; inf when neither is known.",
    )
    inputs = property(lambda self: dict(self._core.inputs), doc="Run-time inputs: name -> shape ('horizon' first if per step).")
    graph = property(lambda self: self._graph, doc="The exported programs as plain data, for inspection.")
    multiply_adds = property(
        lambda self: self._core.multiply_adds("step") * self.members, doc="Of one model step of one candidate, over all members."
    )
    bytes = property(lambda self: self._bytes, doc="The Problem file.")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the Problem file (safetensors), whole or not at all."""
        return tensors.write_whole(path, self._bytes)

    def step(
        self, states: ArrayLike, actions: ArrayLike, *, member: int | None = None, **inputs: ArrayLike
    ) -> tuple[Floats, Floats]:
        """One model step: states [N, S], actions [N, A] -> next states [N, S], rewards [N].

        Inputs are [shape] or [N, shape]. Of an ensemble, one ``member`` or (None) the mean over the members.
        A Problem without a reward answers NaN rewards.
        """
        outputs = self.evaluate("step", {"state": states, "action": actions, **inputs}, member=member)
        next_states = outputs["next_state"]
        rewards = outputs.get("reward", np.full((len(next_states), 1), np.nan, np.float32))
        return next_states, rewards[:, 0]

    def rollout(
        self,
        state: ArrayLike,
        actions: ArrayLike,
        *,
        steps_per_knot: int = 1,
        discount: float = 1.0,
        threads: int = 1,
        return_states: bool = False,
        previous_action: ArrayLike | None = None,
        objective: str = "mean",
        risk: float = 0.0,
        keep: int = 0,
        particles: int = 0,
        propagation: str = "ts_inf",
        seed: int = 0,
        stream: int = 0,
        plan: int = 0,
        return_particles: bool = False,
        **inputs: ArrayLike,
    ) -> Any:
        """Returns [N] of action sequences [N, H, A] from one state [S] or from states [N, S].

        Each action is held for ``steps_per_knot`` model steps. ``return_states=True`` adds the states
        [N, H * steps_per_knot + 1, S], the mean over the trajectories; ``return_particles=True`` the returns of every trajectory
        [N, particles or M]. What a call sets up is kept for the next one alike.

        Args:
            objective: the return of a candidate from the returns R of its trajectories, one for each of the M members or
                ``particles`` of them: ``"mean"``; ``"mean_std"``: mean(R) + ``risk`` · std(R), the trajectories as the population
                (a negative risk is cautious, a positive one curious); ``"mean_within"``: with √(mean over the members of the
                variance among a member's particles) in place of std(R), which is chance; ``"mean_between"``: with the std over
                the members of their mean returns, which is what is not known, and some chance where particles are few (both need
                propagation "ts_inf");
                ``"worst"``: min(R); ``"cvar"``: the mean of the worst ``risk`` · count of them, the last one in part where
                that is no whole number, and min(R) where it is less than one; ``"entropic"``: log(mean exp(``risk`` · R)) /
                ``risk``. A candidate that is not finite in one trajectory is not finite.
            risk: of the objective; 0 for "mean" and "worst", which have none, not 0 for ``"entropic"``, in (0, 1] for ``"cvar"``.
            particles: trajectories of a candidate, each with noise of its own where the model says a standard deviation: a multiple
                of the members. 0: one for each member, at its mean. All candidates share the noise, so that they differ by their
                actions alone.
            propagation: ``"ts_inf"``: particle p runs member p // (particles / M) for the whole trajectory; ``"ts1"``: the members
                are dealt anew among the particles in every step (Chua et al. 2018, §5).
            seed, stream, plan: of the particles' noise, as of :func:`mbrl_fast.noise`: a planner of that seed draws the same.
            keep: only the best ``keep`` candidates matter (0: all): the return of one that cannot be among them may be −inf,
                where the Problem knows a ``reward_bound``. Fewer model steps, the same best.
        """
        return self._rollouts.run(
            state, actions, inputs, previous_action, steps_per_knot, discount, threads, return_states,
            native_objective(objective), risk, keep, particles, native_propagation(propagation), return_particles,
            seed, stream, plan,
        )  # fmt: skip

    def sample(
        self, mean: ArrayLike, std: ArrayLike, population: int, *, seed: int = 0, stream: int = 0, plan: int = 0, iteration: int = 0
    ) -> Floats:
        """Candidates [population, H, A] for :meth:`rollout`: normal around ``mean`` [H, A] with deviations ``std`` [H, A] >= 0,
        clipped to the bounds.

        The numbers are a function of ``seed``, ``stream``, ``plan`` and ``iteration`` alone, and those that ``mbrl_fast.CEM``
        draws at its own: count plans and iterations from 0. Faster than NumPy's generators.
        """
        return _core.sample(self._core, mean, std, population, seed, stream, plan, iteration)

    def gradient(
        self,
        state: ArrayLike,
        actions: ArrayLike,
        *,
        steps_per_knot: int = 1,
        discount: float = 1.0,
        threads: int = 1,
        previous_action: ArrayLike | None = None,
        particles: int = 0,
        propagation: str = "ts_inf",
        seed: int = 0,
        stream: int = 0,
        plan: int = 0,
        **inputs: ArrayLike,
    ) -> tuple[Floats, Floats]:
        """Returns [N], as :meth:`rollout` gives them, and their gradients [N, H, A] with respect to the actions [N, H, A].

        Of particles the noise is taken as given, so that a trajectory has a derivative.

        What follows the end of a candidate (termination) has no part in its gradient, and the moment of the end is taken as given.
        At kinks: relu and abs have derivative 0, equal operands of min and max share, steps (floor, comparisons) have none.
        """
        returns, gradients = _core.rollout_gradient(
            self._core, state, actions, inputs, previous_action, steps_per_knot, discount, threads, particles,
            native_propagation(propagation), seed, stream, plan,
        )  # fmt: skip
        return returns, gradients

    def linearize(
        self, state: ArrayLike, action: ArrayLike, *, member: int | None = None, **inputs: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Jacobians of the next state: A [S, S] by the state [S], B [S, A] by the action [A].

        States [N, S] and actions [N, A] give [N, S, S] and [N, S, A]; inputs are [shape] or [N, shape]. Of an ensemble, one
        ``member`` or (None) the mean over the members.
        """
        s, a = self.state_size, self.action_size
        batched = np.ndim(state) == 2 or np.ndim(action) == 2
        program = self._program("step")
        given: dict[str, Any] = {
            "noise": np.zeros(s, np.float32),
            "time": np.zeros(1, np.float32),
            "previous_action": np.zeros(a, np.float32),
            **inputs,
            "state": state,
            "action": action,
        }
        flat = {name: np.atleast_2d(_flat(given[name], size, name)) for name, size, _ in program["arguments"] if name in given}
        checked = [_flat(state, s, "state"), _flat(action, a, "action")]
        count = max(len(value) for value in (*flat.values(), *map(np.atleast_2d, checked)))
        repeated = {name: value if len(value) == 1 else np.repeat(value, s, axis=0) for name, value in flat.items()}
        units = {"next_state": np.tile(np.eye(s, dtype=np.float32), (count, 1))}
        members = range(self.members) if member is None else [member]
        each = [_core.program_gradient(self._core, "step", repeated, units, index) for index in members]
        shapes = {"state": (count, s, s), "action": (count, s, a)}
        means = {name: np.mean([one[name] for one in each], axis=0, dtype=np.float32) for name in each[0]}
        jacobians = [np.asarray(means.get(name, np.zeros(shape, np.float32))).reshape(shape) for name, shape in shapes.items()]
        by_state, by_action = jacobians
        return (by_state, by_action) if batched or count > 1 else (by_state[0], by_action[0])

    def quadratic(
        self,
        states: ArrayLike,
        actions: ArrayLike,
        *,
        member: int | None = None,
        smoothing: float = 1e-3,
        threads: int = 1,
        previous_action: ArrayLike | None = None,
        **inputs: ArrayLike,
    ) -> Quadratic:
        """The quadratic model along states [T + 1, S] and actions [T, A] that iLQR works with.

        Jacobians and gradients are true derivatives; rewards are functions of state and action, through the next state. The
        curvature is Gauss-Newton's: Σ c ∇z ∇zᵀ over the rows z on which the cost (−reward) depends in a curved way. Of convex
        functions c is their second derivative, of abs(z) that of the parabola above it, of concave ones and of products of
        different rows 0. abs(z) and √z count as at least ``smoothing`` where they are divided by. Per-step inputs are
        [T, shape]. Of an ensemble, one ``member`` or (None) the mean over the members.
        """
        index = -1 if member is None else member
        if member is not None and not 0 <= member < self.members:
            raise ValueError(f"member must be in 0..{self.members - 1}, got {member}")
        return Quadratic(**_core.quadratic(self._core, states, actions, inputs, previous_action, index, smoothing, threads))

    def act(self, states: ArrayLike, **inputs: ArrayLike) -> Floats:
        """Actions [N, A] that the exported policy proposes for states [N, S], clipped to the bounds."""
        proposed = self.evaluate("policy", {"state": states, **inputs})["action"]
        return np.clip(proposed, self.action_low, self.action_high)

    def observe(self, observations: ArrayLike) -> Floats:
        """States [N, S] of observations [N, ...], by the exported ``observe``."""
        return self.evaluate("observe", {"observation": observations})["state"]

    def evaluate(self, program: str, arguments: Mapping[str, ArrayLike], *, member: int | None = None) -> dict[str, Floats]:
        """Outputs [N, size] of one exported program, for one member or the mean over members. For tests and curiosity."""
        sizes = {name: size for name, size, _ in self._program(program)["arguments"]}
        known: dict[str, Any] = {
            "noise": np.zeros(self.state_size, np.float32),
            "time": np.zeros(1, np.float32),
            "previous_action": np.zeros(self.action_size, np.float32),
            **arguments,
        }
        flat = {name: _flat(known[name], size, name) for name, size in sizes.items() if name in known}
        batch = max((len(value) for value in flat.values() if value.ndim == 2), default=1)
        chosen = range(self.members) if member is None else [member]
        outputs = [self._core.evaluate(program, flat, index) for index in chosen]
        means = {name: np.mean([each[name] for each in outputs], axis=0, dtype=np.float32) for name in outputs[0]}
        return {name: np.broadcast_to(mean, (batch, mean.shape[1])).copy() for name, mean in means.items()}

    def verify(self) -> dict[str, float]:
        """Replays the test vectors that the file carries: output name -> error relative to the largest output of its batch.

        Raises ValueError when one exceeds 1e-5: this machine or build then computes something else than PyTorch did.
        """
        vectors = self._core.test_vectors
        errors: dict[str, float] = {}
        for name, expected in vectors.items():
            _, program, direction, output = name.split("/", 3)
            if direction != "out":
                continue
            prefix = f"test/{program}/in/"
            arguments = {key.removeprefix(prefix): value for key, value in vectors.items() if key.startswith(prefix)}
            for member, values in enumerate(expected):
                actual = self._core.evaluate(program, arguments, member)[output]
                scale = max(float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0)), 1e-30)
                same = (actual == values) | (np.isnan(actual) & np.isnan(values))
                error = float(np.max(np.where(same, 0.0, np.abs(actual - values)), initial=0.0)) / scale
                key = f"{program}/{output}"
                errors[key] = max(errors.get(key, 0.0), error)
        for key, error in errors.items():
            if not error <= 1e-5:
                raise ValueError(f"{key} must agree with its test vectors within 1e-5, got a relative error of {error:.3g}")
        return errors

    def update(self, **modules: Any) -> None:
        """New weights, same graph: ``problem.update(dynamics=modules)``.

        May be called while planners on this Problem are planning in other threads: they use the new weights from their next plan
        on, all of them at once, and never wait. The modules are traced again and their weights packed here, which takes some 0.2 s
        a member and, as all Python code does, the interpreter from other Python threads now and then. Needs a Problem made by
        ``export`` in this process.

        Raises:
            ValueError: when the new modules trace to another graph, or the Problem came from a file.
        """
        if self._spec is None:
            raise ValueError("update needs a problem made by export in this process; this one was loaded from a file")
        from mbrl_fast.export import update

        data, spec = update(self._spec, **modules)
        self._swap(data, _core.Problem(data))
        self._spec = spec

    def update_weights(self, source: Problem | Mapping[str, ArrayLike]) -> None:
        """The fast way to new weights, as :meth:`update` hands them over: from another Problem, or tensors of the file by name.

        Another Problem of the same graph, loaded or exported at leisure, in another thread or process, takes microseconds: its
        memory is shared. Tensors are those of ``problem.tensors()``, all of them or some; they are packed here, and the test
        vectors of the file go, as they belong to the old weights.

        Raises:
            ValueError: for another graph, an unknown tensor or another shape.
        """
        if isinstance(source, Problem):
            self._swap(source._bytes, source._core)
            return
        held, metadata = tensors.unpack(self._bytes)
        weights = {name: value for name, value in held.items() if not name.startswith("test/")}
        for name, value in source.items():
            array = np.asarray(value, np.float32)
            if name not in weights:
                raise ValueError(f"unknown tensor {name!r}, this problem has: {', '.join(weights) or 'none'}")
            if array.shape != weights[name].shape:
                raise ValueError(f"tensor {name} must have shape {list(weights[name].shape)}, got {list(array.shape)}")
            weights[name] = array
        data = tensors.pack(weights, metadata)
        self._swap(data, _core.Problem(data))

    def tensors(self) -> dict[str, Floats]:
        """Weights, biases and constants [members or 1, ...] as the file holds them, by name: copies."""
        return {name: value for name, value in tensors.unpack(self._bytes)[0].items() if not name.startswith("test/")}

    def _swap(self, data: Any, core: _core.Problem) -> None:
        with self._updating:
            before, version = self._files, self._version + 1
            self._files = {self._version: self._bytes, version: data}  # before a planner can see the new weights
            try:
                self._core.assign_weights(core)
            except ValueError:
                self._files = before
                raise
            self._version, self._bytes = version, data

    def _program(self, name: str) -> dict[str, Any]:
        try:
            program: dict[str, Any] = self._graph["programs"][name]
        except KeyError:
            raise ValueError(f"this problem has no {name}: export it with one") from None
        return program

    def __reduce__(self) -> tuple[Any, ...]:
        return (Problem, (self._bytes,))

    def __repr__(self) -> str:
        inputs = ", ".join(f"{name} {list(shape)}" for name, shape in self.inputs.items()) or "none"
        return (
            f"Problem(state {self.state_size}, action {self.action_size}, dt {self.dt:g} s, members {self.members}, "
            f"inputs: {inputs}; programs: {', '.join(self._graph['programs'])}; {self.multiply_adds:,} multiply-adds a model step)"
        )

    def _repr_html_(self) -> str:
        from mbrl_fast.report.cards import problem_card

        return problem_card(self)


def _flat(value: ArrayLike, size: int, name: str) -> Floats:
    """[size] or [N, size]: the axes of one value are flattened."""
    array = np.asarray(value)
    if array.dtype.kind not in "f" and not (isinstance(value, list | tuple) and array.dtype.kind in "iu"):
        raise TypeError(f"{name} must be float32 or float64, got dtype {array.dtype}")
    if array.size == size and (array.ndim <= 1 or array.shape[0] != 1 or (size == 1 and array.ndim == 1)):
        return array.reshape(size).astype(np.float32)
    if array.ndim >= 1 and array.shape[0] * size == array.size:
        return array.reshape(array.shape[0], size).astype(np.float32)
    raise ValueError(f"{name} must have {size} numbers or shape [N, {size}], got shape {list(array.shape)}")


def load(path: str | os.PathLike[str]) -> Problem:
    """Reads a Problem file. A damaged, newer or foreign file is a ValueError with one sentence."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {os.fspath(path)}: {error.strerror}") from error
    return Problem(data)
