"""Other packages' planners on the same problem, with the same noise put into them: ours answers what they answer.

Skipped by name where a package is not installed (``pip install ".[peers]"``). What has to be changed in a peer to agree, its
defects among it, is said in the test's docstring, and nothing else is changed. Tolerances are on actions in ±1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import mbrl_fast as mf
from conftest import GOAL, STATE, lti
from mbrl_fast.reference import coloured_factor
from mbrl_fast.rewards import GoalDistance

pytestmark = pytest.mark.filterwarnings("ignore")  # they warn about themselves
PLANS = 4


class World:
    """The problem in both worlds: bounds of ±1, so that a peer's units are ours."""

    def __init__(self) -> None:
        self.model, self.distance = lti(0), GoalDistance()
        self.problem = mf.export(
            self.model, self.distance, state_size=6, action_size=2, inputs={"goal": 6}, action_low=-1, action_high=1, dt=0.2
        )
        self.state, self.goal = torch.from_numpy(STATE), torch.from_numpy(GOAL)

    def step(self, x: Tensor, u: Tensor) -> Tensor:
        """x [N, 6], u [N, 2] -> [N, 6]."""
        with torch.no_grad():
            return self.model(x, u)

    def reward(self, x: Tensor) -> Tensor:
        """x [..., 6] -> [...]."""
        flat: Tensor = self.distance(x.reshape(-1, 6), self.goal)
        return flat.reshape(x.shape[:-1])

    def returns(self, actions: Tensor) -> Tensor:
        """actions [N, H, 2] -> [N], from the state."""
        x, total = self.state.expand(len(actions), -1), torch.zeros(len(actions))
        for u in actions.unbind(1):
            x = self.step(x, u)
            total = total + self.reward(x)
        return total

    def plans(self, planner: Any, count: int = PLANS) -> list[Tensor]:
        """The answers [H, 2] to the same state, one plan after the other."""
        return [torch.from_numpy(planner.plan(STATE, goal=GOAL).actions) for _ in range(count)]


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def normals(plan: int, iteration: int, population: int, horizon: int) -> Tensor:
    """What our planners draw, [N, H, 2]."""
    return torch.from_numpy(mf.noise(0, 0, plan, iteration, population, horizon * 2)).reshape(population, horizon, 2)


@pytest.mark.parametrize("temperature", [0.05, 1.0, 10.0])
@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_mppi_is_pytorch_mppi(world: World, temperature: float, sigma: float) -> None:
    """pytorch-mppi's MPPI: noise ours; a shifted plan ends with its last action where theirs lets zero in."""
    package = pytest.importorskip("pytorch_mppi")
    horizon, population = 15, 100

    class Peer(package.MPPI):  # type: ignore[misc]
        plan = 0

        def _sample_noise(self, shape: tuple[int, ...]) -> Tensor:
            return sigma * normals(self.plan, 0, population, horizon) if len(shape) == 2 else torch.zeros(horizon, 2)

        def shift_nominal_trajectory(self) -> None:
            self.U = torch.cat([self.U[1:], self.U[-1:]])

    peer = Peer(
        world.step, lambda x, u: -world.reward(x), 6, sigma**2 * torch.eye(2), num_samples=population, horizon=horizon,
        lambda_=temperature, u_min=-torch.ones(2), u_max=torch.ones(2), U_init=torch.zeros(horizon, 2),
    )  # fmt: skip
    planner = mf.MPPI.pytorch_mppi(world.problem, temperature=temperature, init_std=sigma)
    for plan, ours in enumerate(world.plans(planner)):
        peer.plan = plan
        peer.command(world.state)
        torch.testing.assert_close(ours, peer.U, atol=2e-5, rtol=0)


@pytest.mark.parametrize("delta", [1.0, 0.5])
def test_smooth_mppi_is_pytorch_mppis(world: World, delta: float) -> None:
    """pytorch-mppi's SMPPI: noise ours; the derivative is not bounded, which theirs is not either in spite of ``u_max``."""
    package = pytest.importorskip("pytorch_mppi")
    horizon, population, sigma = 15, 100, 0.1

    class Peer(package.SMPPI):  # type: ignore[misc]
        plan = 0

        def _sample_noise(self, shape: tuple[int, ...]) -> Tensor:
            return sigma / delta * normals(self.plan, 0, population, horizon) if len(shape) == 2 else torch.zeros(horizon, 2)

    peer = Peer(
        world.step, lambda x, u: -world.reward(x), 6, (sigma / delta) ** 2 * torch.eye(2), num_samples=population,
        horizon=horizon, lambda_=1.0, action_min=-torch.ones(2), action_max=torch.ones(2), delta_t=delta, w_action_seq_cost=1.0,
    )  # fmt: skip
    planner = mf.MPPI.smooth(world.problem, init_std=sigma)
    for plan, ours in enumerate(world.plans(planner)):
        peer.plan = plan
        peer.command(world.state)
        assert peer.action_sequence.abs().max() < 1
        torch.testing.assert_close(ours, peer.action_sequence, atol=2e-5, rtol=0)


@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_kernel_mppi_is_pytorch_mppis(world: World, sigma: float) -> None:
    """pytorch-mppi's KMPPI, 4 support points of 16 steps, 4 commands for one plan: noise ours, nothing charged for control; its
    answer is not clipped. Shifted, its support points are read off beyond the end of the plan, ours at its last action.
    """
    package = pytest.importorskip("pytorch_mppi")
    if "interpolation" not in mf.MPPISettings.__dataclass_fields__:
        pytest.skip("waits for the setting interpolation")
    points, steps, population, iterations = 4, 16, 100, 4

    class Peer(package.KMPPI):  # type: ignore[misc]
        iteration = 0

        def _sample_noise(self, shape: tuple[int, ...]) -> Tensor:
            return sigma * normals(0, self.iteration, population, points) if len(shape) == 2 else torch.zeros(steps, 2)

        def _setup_action_cost_fn(self) -> None:
            self._compute_action_cost = torch.zeros_like

    peer = Peer(
        world.step, lambda x, u: -world.reward(x), 6, sigma**2 * torch.eye(2), num_samples=population, horizon=steps,
        u_min=-torch.ones(2), u_max=torch.ones(2), num_support_pts=points, kernel=package.mppi.RBFKernel(sigma=2.5),
    )  # fmt: skip
    for peer.iteration in range(iterations):
        peer.command(world.state, shift_nominal_trajectory=False)
    planner = mf.MPPI.kernel(
        world.problem, horizon=points, steps_per_knot=steps // points, kernel_width=0.5, population=population,
        iterations=iterations, init_std=sigma,
    )  # fmt: skip
    torch.testing.assert_close(world.plans(planner, 1)[0], peer.U.clamp(-1, 1), atol=1e-4, rtol=0)


@pytest.mark.parametrize("iterations", [1, 4])
def test_icem_is_pytorch_icem(world: World, iterations: int) -> None:
    """pytorch-icem: coloured noise ours; actions clipped to bounds, which it does not know; the std of K elites divided by K, as
    the paper does; a shifted plan ends with its last action and a shifted elite with a draw around that, where theirs puts zero.

    Its ``sigma`` must have as many axes as there are actions: its check of the shape is a slip.
    """
    package = pytest.importorskip("pytorch_icem")
    horizon, population, sigma, beta = 15, 100, 0.5, 3.0
    factor = coloured_factor(horizon, beta)

    class Peer(package.iCEM):  # type: ignore[misc]
        plan, iteration = 0, 0

        def drawn(self) -> Tensor:
            noise = torch.einsum("hk,nka->nha", factor, normals(self.plan, self.iteration, population, horizon))
            return (self.mean + self.std * noise).clamp(-1, 1)

        def sample_action_sequences(self, state: Tensor, count: int) -> Tensor:
            drawn = self.drawn()[population - count :]
            self.iteration += 1
            return drawn

        def update_distribution(self, elites: Tensor) -> None:
            self.mean = (1 - self.alpha) * elites.mean(0) + self.alpha * self.mean
            self.std = (1 - self.alpha) * elites.std(0, unbiased=False) + self.alpha * self.std

        def shift(self) -> None:
            self.plan, self.iteration = self.plan + 1, 0
            self.mean, self.std = torch.cat([self.mean[1:], self.mean[-1:]]), self.sigma.clone()
            ends = self.drawn()[: len(self.kept_elites), -1:]
            self.kept_elites = torch.cat([self.kept_elites[:, 1:], ends], 1)

    peer = Peer(
        world.step, lambda x, u: -world.reward(x).sum(-1), 6, 2, sigma=sigma * torch.ones(1, 2), num_samples=population,
        num_elites=10, horizon=horizon, warmup_iters=iterations, online_iters=iterations, noise_beta=beta,
    )  # fmt: skip
    planner = mf.ICEM(
        world.problem, horizon=horizon, population=population, elites=10, keep_elites=5, iterations=iterations, decay=1.0,
        momentum=0.05, include_mean=False, noise_beta=beta, init_std=sigma,
    )  # fmt: skip
    for ours in world.plans(planner):
        torch.testing.assert_close(ours[0], peer.command(world.state), atol=2e-5, rtol=0)


@pytest.fixture
def mbrl_lib(monkeypatch: pytest.MonkeyPatch) -> Any:
    """mbrl-lib's optimisers, which divide the elites' spread by K here as ours does, with our noise in every iteration."""
    for package in ("mbrl", "hydra", "omegaconf"):
        pytest.importorskip(package)
    module = pytest.importorskip("mbrl.planning.trajectory_opt")
    key = {"plan": 0, "iteration": 0}

    def draw(like: Tensor, **_: Any) -> Tensor:
        noise = normals(key["plan"], key["iteration"], like.shape[0], like.shape[1])
        key["iteration"] += 1
        return noise

    monkeypatch.setattr(module.torch, "randn_like", draw)
    monkeypatch.setattr(module.mbrl.util.math, "truncated_normal_", draw)
    deviation = torch.std
    monkeypatch.setattr(module.torch, "std", lambda x, dim: deviation(x, dim=dim, unbiased=False))
    module.key = key
    return module


BOX = [[-1.0, -1.0]], [[1.0, 1.0]]


@pytest.mark.parametrize(("iterations", "alpha"), [(1, 0.0), (5, 0.0), (5, 0.1)])
def test_cem_is_mbrl_libs(world: World, mbrl_lib: Any, iterations: int, alpha: float) -> None:
    """mbrl-lib's CEMOptimizer with a clipped normal: noise ours, the std of K elites divided by K. Shifting is its caller's."""
    horizon, population = 8, 100
    low, high = (bound * horizon for bound in BOX)
    peer = mbrl_lib.CEMOptimizer(
        iterations, 0.1, population, low, high, alpha, torch.device("cpu"), return_mean_elites=True, clipped_normal=True
    )
    planner = mf.CEM.mbrl_lib(
        world.problem, horizon=horizon, population=population, elites=10, iterations=iterations, momentum=alpha, init_std=1.0,
        **({"truncate": False, "momentum_on": "std"} if "truncate" in mf.CEMSettings.__dataclass_fields__ else {}),
    )  # fmt: skip
    mean = torch.zeros(horizon, 2)
    for plan, ours in enumerate(world.plans(planner)):
        mbrl_lib.key.update(plan=plan, iteration=0)
        expected = peer.optimize(world.returns, x0=mean)
        torch.testing.assert_close(ours, expected, atol=2e-5, rtol=0)
        mean = torch.cat([expected[1:], expected[-1:]])


def test_cem_with_truncated_noise_is_mbrl_libs(world: World, mbrl_lib: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """mbrl-lib's CEMOptimizer as its PETS uses it: noise ours, truncated as ours is; the variance of K elites divided by K."""
    if "truncate" not in mf.CEMSettings.__dataclass_fields__:
        pytest.skip("waits for the setting truncate")
    from mbrl_fast.reference.cem_variants import truncated

    horizon, population = 8, 100
    draw, variance = mbrl_lib.mbrl.util.math.truncated_normal_, torch.var
    monkeypatch.setattr(mbrl_lib.mbrl.util.math, "truncated_normal_", lambda like: truncated(draw(like)).float())
    monkeypatch.setattr(mbrl_lib.torch, "var", lambda x, dim: variance(x, dim=dim, unbiased=False))
    low, high = (bound * horizon for bound in BOX)
    peer = mbrl_lib.CEMOptimizer(5, 0.1, population, low, high, 0.1, torch.device("cpu"), return_mean_elites=True)
    planner = mf.CEM.mbrl_lib(world.problem, horizon=horizon, population=population, elites=10)
    mean = torch.zeros(horizon, 2)
    for plan, ours in enumerate(world.plans(planner)):
        mbrl_lib.key.update(plan=plan, iteration=0)
        expected = peer.optimize(world.returns, x0=mean)
        torch.testing.assert_close(ours, expected, atol=1e-4, rtol=0)
        mean = torch.cat([expected[1:], expected[-1:]])


@pytest.mark.parametrize("sigma", [0.1, 1.0])
def test_mppi_is_mbrl_libs_whose_sigma_does_nothing(world: World, mbrl_lib: Any, sigma: float) -> None:
    """mbrl-lib's MPPIOptimizer: noise ours, its filter off (β 1). The noise has std 1 whatever its ``sigma`` is."""
    horizon, population, gamma = 8, 100, 0.9
    low, high = (bound * horizon for bound in BOX)
    peer = mbrl_lib.MPPIOptimizer(5, population, gamma, sigma, 1.0, low, high, torch.device("cpu"))
    planner = mf.MPPI.mbrl_lib(world.problem, horizon=horizon, population=population)
    assert planner.settings.temperature == 1 / gamma
    for plan, ours in enumerate(world.plans(planner)):
        mbrl_lib.key.update(plan=plan, iteration=0)
        torch.testing.assert_close(ours, peer.optimize(world.returns), atol=2e-5, rtol=0)


def test_mbrl_lib_takes_nan_for_good_and_we_do_not(world: World, mbrl_lib: Any) -> None:
    """``values[values.isnan()] = -1e-10`` is better than any negative return: its elites are the candidates that gave NaN."""

    def half(actions: Tensor) -> Tensor:
        return torch.where(actions[:, 0, 0] > 0, torch.nan, -1.0 - actions[:, 0, 0].abs())

    peer = mbrl_lib.CEMOptimizer(
        3, 0.1, 100, *BOX, 0.0, torch.device("cpu"), return_mean_elites=True, clipped_normal=True
    )  # fmt: skip
    assert peer.optimize(half, x0=torch.zeros(1, 2))[0, 0] > 0
    problem = mf.export(
        lambda state, action: state, lambda action: -1.0 - (-action[:, 0]).log() * 0.0 - action[:, 0].abs(), state_size=1,
        action_size=2, action_low=-1, action_high=1, dt=0.1,
    )  # fmt: skip
    ours = mf.CEM.notebook(problem, horizon=1, steps_per_knot=1, iterations=3).plan([0.0])
    assert ours.action[0] < 0


def test_icem_finds_what_mbrl_libs_finds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """mbrl-lib's ICEMOptimizer keeps a random subset of its elites, adds the mean only beside them and rounds populations up: the
    means of 60 plans' returns are compared, each with its own noise of our spectrum, to three standard errors.

    Its own noise is periodic over the horizon, so that the last action varies with the first: it finds less.
    """
    for package in ("mbrl", "hydra", "omegaconf"):
        pytest.importorskip(package)
    module = pytest.importorskip("mbrl.planning.trajectory_opt")
    horizon, count, factor = 10, 60, coloured_factor(10, 2.0)
    low, high = (bound * horizon for bound in BOX)

    def theirs() -> list[float]:
        torch.manual_seed(0)
        found = []
        for _ in range(count):
            peer = module.ICEMOptimizer(5, 0.1, 100, 1.3, 2.0, low, high, 0.3, 0.1, torch.device("cpu"), return_mean_elites=True)
            found.append(float(world.returns(peer.optimize(world.returns, x0=torch.zeros(horizon, 2))[None])[0]))
        return found

    def ours(seed: int) -> float:
        planner = mf.ICEM(
            world.problem, horizon=horizon, population=100, elites=10, iterations=5, decay=1.3, noise_beta=2.0, keep_elites=3,
            returns="mean", seed=seed,
        )  # fmt: skip
        return planner.plan(STATE, goal=GOAL).value

    def noise(beta: float, size: tuple[int, ...], device: Any) -> Tensor:
        return torch.einsum("hk,nak->nah", factor, torch.randn(*size))

    values, periodic = [ours(seed) for seed in range(count)], theirs()
    monkeypatch.setattr(module.mbrl.util.math, "powerlaw_psd_gaussian", noise)
    same = theirs()
    error = np.hypot(np.std(values), np.std(same)) / np.sqrt(count)
    assert abs(np.mean(values) - np.mean(same)) < 3 * error
    assert np.mean(periodic) < np.mean(same) - 3 * error


@pytest.mark.parametrize("iterations", [1, 11])
def test_cem_is_torchrls(world: World, monkeypatch: pytest.MonkeyPatch, iterations: int) -> None:
    """TorchRL's CEMPlanner: noise ours, the std of K elites divided by K where theirs is unbiased."""
    pytest.importorskip("torchrl")
    pytest.importorskip("tensordict")
    from bench.contenders.peer_torchrl import _environment
    from tensordict import TensorDict
    from torchrl.modules import CEMPlanner

    horizon, population = 10, 50
    peer = CEMPlanner(_environment(world), horizon, iterations, population, 10)
    start = TensorDict({"state": world.state[None], "done": torch.zeros(1, 1, dtype=torch.bool)}, [1])
    start["terminated"] = start["done"].clone()
    drawn = iter(range(iterations))
    monkeypatch.setattr(torch, "randn", lambda *shape, **_: normals(0, next(drawn), population, horizon)[None])
    deviation = Tensor.std
    monkeypatch.setattr(Tensor, "std", lambda x, dim, keepdim: deviation(x, dim=dim, keepdim=keepdim, unbiased=False))
    planner = mf.CEM.torchrl(world.problem, horizon=horizon, population=population, elites=10, iterations=iterations)
    with torch.no_grad():
        expected = peer.planning(start)[0]
    torch.testing.assert_close(world.plans(planner, 1)[0][0], expected, atol=2e-5, rtol=0)
