"""Writes the golden files again: ``python tests/golden/generate.py``. Only for a change of format or of numbers that is meant."""

from __future__ import annotations

import json
from pathlib import Path

import torch

import mbrl_fast as mf
from mbrl_fast.models import LTI
from mbrl_fast.rewards import GoalDistance

FOLDER = Path(__file__).parent


def main() -> None:
    torch.manual_seed(0)
    problem = mf.export(
        [LTI(6, 2, hidden_size=4), LTI(6, 2, hidden_size=4)], GoalDistance(),
        state_size=6, action_size=2, inputs={"goal": 6}, action_low=-1, action_high=1, dt=0.2,
    )  # fmt: skip
    problem.save(FOLDER / "lti.safetensors")
    state, goal = [0.02, 0.03, 0.1, -0.2, 0.8, 0.6], [0.1, -0.05, 0.0, 0.0, 1.0, 0.0]
    settings = {
        "horizon": 4, "steps_per_knot": 3, "population": 40, "elites": 5, "iterations": 4, "min_std": 0.05, "momentum": 0.1,
        "keep_elites": 2, "include_mean": True, "returns": "mean", "warm_start": True, "fresh_fraction": 0.2, "seed": 42,
    }  # fmt: skip
    planner = mf.CEM(problem, **settings)
    plans = [planner.plan(state, goal=goal) for _ in range(3)]
    golden = {
        "state": state,
        "goal": goal,
        "settings": settings,
        "plans": [{"actions": plan.actions.tolist(), "value": plan.value} for plan in plans],
    }
    (FOLDER / "plan.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
