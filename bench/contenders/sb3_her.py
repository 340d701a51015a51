"""stable-baselines3's SAC and sb3-contrib's TQC with hindsight replay on parking-v0, measured as they learn.

Settings: highway-env's own notebook on goal-conditioned learning (parking_her.ipynb: learning rate 1e-3, γ 0.95, batch 1,024,
τ 0.05, three layers of 512) and four sampled goals of the future. A training episode ends at success, as the environment wants
it, or after 100 steps. One transition is one ``env.step``; one gradient step follows each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.contenders import need
from mbrl_fast.tasks import Parking

ALGORITHMS = {"SAC + HER": ("stable_baselines3", "SAC"), "TQC + HER": ("sb3_contrib", "TQC")}


def settings() -> dict[str, Any]:
    """Of both."""
    return {
        "learning_rate": 1e-3, "gamma": 0.95, "batch_size": 1024, "tau": 0.05, "buffer_size": 200_000, "learning_starts": 1000,
        "policy_kwargs": {"net_arch": [512, 512, 512]},
        "replay_buffer_kwargs": {"n_sampled_goal": 4, "goal_selection_strategy": "future"},
    }  # fmt: skip


def learn(name: str, folder: Path, points: Sequence[int], seed: int, **changes: Any) -> Iterator[tuple[int, Any]]:
    """(transitions, model) at each of the points; goes on from where an earlier call in the folder stopped."""
    package, algorithm = ALGORITHMS[name]
    kind, sb3 = getattr(need(package), algorithm), need("stable_baselines3")
    env = Parking(max_steps=100).make_env(stop_at_success=True).unwrapped
    stem = folder / name.replace(" + ", "_").lower()
    saved, buffer = stem.with_suffix(".zip"), stem.with_suffix(".pkl")
    if saved.exists() and buffer.exists():
        model = kind.load(saved, env=env, device="cpu")
        model.load_replay_buffer(buffer)
    else:
        options = {**settings(), **changes, "seed": seed, "device": "cpu"}
        model = kind("MultiInputPolicy", env, replay_buffer_class=sb3.HerReplayBuffer, **options)
    env.reset(seed=seed)
    try:
        for point in np.unique(points):
            if point <= model.num_timesteps:
                continue
            model.learn(int(point) - model.num_timesteps, reset_num_timesteps=False)
            model.save(saved)
            model.save_replay_buffer(buffer)
            yield model.num_timesteps, model
    finally:
        env.close()
