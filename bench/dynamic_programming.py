"""The optimum of Pendulum-v1 by dynamic programming, and the environment itself for many episodes side by side.

V_t(θ, ω) is the most that can still be collected in the steps t … 199, exactly as the environment counts: undiscounted, nothing
after the last step. The grid is chosen so that the rod moves from grid point to grid point: with spacings Δθ and Δω = Δθ / dt a
step turns a rod of velocity j Δω by j Δθ. So values need no interpolation along θ, and none along ω either where torques are
those that lead to grid velocities; the two largest torques, which lead between two, are interpolated. What is left is the spacing
itself: refine it and compare.

The policy looks one step ahead from where the rod is, with values interpolated by cubics (Catmull–Rom, 4 × 4), over 41 torques
and twice among neighbours of the best. Values fall steeply where a swing just fails to reach the top, and there interpolation
promises too much: a rod that trusts it creeps along the cliff and falls. So `caution` times the spread of the cell's corners is
taken off. No single caution is best from everywhere: `best_returns` plays several and keeps the best from each start. Whatever it
keeps was really collected, so it is a lower bound of the optimum; `Optimum.value` is an estimate of the optimum itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

DT, PULL, PUSH, MAX_SPEED, MAX_TORQUE, STEPS = 0.05, 0.75, 0.15, 8.0, 2.0, 200
CAUTIONS = (0.1, 0.3, 1.0, 3.0)
Policy = Callable[[int, NDArray[np.float64]], NDArray[np.float64]]
"""(step, states [B, 2]) -> torques [B]; a state is (θ, ω)."""


def step(states: NDArray[np.float64], torques: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Next states [..., 2] and rewards [...] of states [..., 2] and torques [...], in the environment's own arithmetic."""
    angle, velocity = states[..., 0], states[..., 1]
    torque = np.clip(torques, -MAX_TORQUE, MAX_TORQUE)
    cost = (((angle + np.pi) % (2 * np.pi)) - np.pi) ** 2 + 0.1 * velocity**2 + 0.001 * (torque**2)
    faster = velocity + (3 * 10.0 / (2 * 1.0) * np.sin(angle) + 3.0 / (1.0 * 1.0**2) * torque) * DT
    faster = np.clip(faster, -MAX_SPEED, MAX_SPEED)
    return np.stack([angle + faster * DT, faster], axis=-1), -cost


def starts(seeds: range) -> NDArray[np.float64]:
    """[len(seeds), 2], where the environment's `reset(seed=...)` puts the rod."""
    from mbrl_fast.tasks import Pendulum

    env = Pendulum().make_env()
    found = []
    for seed in seeds:
        env.reset(seed=seed)
        found.append(np.array(env.unwrapped.state))
    env.close()
    return np.stack(found)


def play(policy: Policy, states: NDArray[np.float64], steps: int = STEPS) -> NDArray[np.float64]:
    """Returns [B] of a policy from states [B, 2], all side by side."""
    collected = np.zeros(len(states))
    for t in range(steps):
        states, rewards = step(states, policy(t, states))
        collected += rewards
    return collected


class Optimum:
    """The values of every step on the grid, [steps + 1, angles, velocities] in single precision, and the policy they imply.

    Args:
        cells: grid velocities between 0 and 8 rad/s; there are about 5π · cells angles. The memory is 25 KB · cells².
        steps: of an episode.
    """

    def __init__(self, cells: int = 100, steps: int = STEPS) -> None:
        if cells < 10:
            raise ValueError(f"cells must be >= 10, got {cells}")
        self.angles = round(2 * np.pi / DT / MAX_SPEED * cells)  # so that `cells` spacings are nearly max_speed
        self.turn = 2 * np.pi / self.angles
        self.faster = self.turn / DT
        self.cells, self.steps = cells, steps
        self.values = np.zeros((steps + 1, self.angles, 2 * cells + 1), np.float32)
        self._solve()

    def _solve(self) -> None:
        rows, columns, cells = self.angles, 2 * self.cells + 1, self.cells
        angle = (np.arange(rows) * self.turn + np.pi) % (2 * np.pi) - np.pi
        velocity = (np.arange(columns) - cells) * self.faster
        reward = (-(angle[:, None] ** 2) - 0.1 * velocity**2).astype(np.float32)
        pulled = PULL * np.sin(angle) / self.faster
        reach = PUSH * MAX_TORQUE / self.faster
        first = np.ceil(pulled - reach).astype(int)
        width = int(2 * reach) + 1
        # column j + k of `reached` is velocity j + first - 1 + k after the step, and the rod has moved by as many angles
        targets = np.clip(np.arange(columns + width + 1) + (first - 1)[:, None], 0, columns - 1)
        source = ((np.arange(rows)[:, None] + targets - cells) % rows) * columns + targets
        torques = (first[:, None] + np.arange(width) - pulled[:, None]) * self.faster / PUSH
        costs = np.where(np.abs(torques) <= MAX_TORQUE + 1e-9, 0.001 * torques**2, np.inf).astype(np.float32)
        low = (first - (pulled - reach))[:, None].astype(np.float32)  # how far below `first` the least torque leads, in cells
        top = pulled + reach - first
        above = (top - np.floor(top))[:, None].astype(np.float32)
        last = np.floor(top).astype(int)
        most, each = np.float32(0.001 * MAX_TORQUE**2), np.arange(rows)[:, None]
        for t in range(self.steps - 1, -1, -1):
            reached = self.values[t + 1].reshape(-1)[source]
            best = low * reached[:, :columns] + (1 - low) * reached[:, 1 : columns + 1] - most
            at = last[:, None] + 1 + np.arange(columns)
            np.maximum(best, (1 - above) * reached[each, at] + above * reached[each, at + 1] - most, out=best)
            for k in range(width):
                np.maximum(best, reached[:, k + 1 : k + 1 + columns] - costs[:, k : k + 1], out=best)
            self.values[t] = best + reward

    def value(self, t: int, states: NDArray[np.float64], caution: float = 0.0) -> NDArray[np.float64]:
        """V_t of states [..., 2], interpolated by cubics, less `caution` times the spread of the cell's corners, [...]."""
        x, y = states[..., 0] / self.turn, states[..., 1] / self.faster + self.cells
        i, j = np.floor(x).astype(np.int64), np.clip(np.floor(y).astype(np.int64), 0, 2 * self.cells - 1)
        along, across = _cubic(x - i), _cubic(y - j)
        total = np.zeros(states.shape[:-1])
        least, most = np.full(states.shape[:-1], np.inf), np.full(states.shape[:-1], -np.inf)
        for a in range(4):
            row = (i + a - 1) % self.angles
            for b in range(4):
                corner = self.values[t, row, np.clip(j + b - 1, 0, 2 * self.cells)]
                total += along[a] * across[b] * corner
                if caution and a in (1, 2) and b in (1, 2):
                    least, most = np.minimum(least, corner), np.maximum(most, corner)
        return total - caution * (most - least) if caution else total

    def policy(self, t: int, states: NDArray[np.float64], caution: float = 0.3) -> NDArray[np.float64]:
        """The torques [B] of step t from states [B, 2]."""
        best = np.zeros(len(states))
        reach, count = MAX_TORQUE, 41
        for _ in range(3):
            torques = np.clip(best[:, None] + np.linspace(-reach, reach, count), -MAX_TORQUE, MAX_TORQUE)
            reached, rewards = step(np.broadcast_to(states[:, None], (*torques.shape, 2)), torques)
            chosen = (rewards + self.value(t + 1, reached, caution)).argmax(1)
            best = torques[np.arange(len(states)), chosen]
            reach, count = 2 * reach / (count - 1), 9
        return best

    def best_returns(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        """The best return [B] of the policies of all `CAUTIONS` from states [B, 2]."""
        played = [play(partial(self.policy, caution=caution), states, self.steps) for caution in CAUTIONS]
        return np.asarray(np.max(played, axis=0))


def _cubic(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """The weights of the points at -1, 0, 1 and 2 for a value at x in [0, 1): Catmull and Rom's."""
    return (
        ((2 - x) * x - 1) * x / 2,
        ((3 * x - 5) * x * x + 2) / 2,
        ((4 - 3 * x) * x + 1) * x / 2,
        (x - 1) * x * x / 2,
    )
