"""`evaluations.npz` as stable-baselines3's EvalCallback writes it and the plots of rl_zoo3 read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.online.learnt import Learnt


def evaluations(learnt: Learnt) -> dict[str, NDArray[Any]]:
    """Arrays by name, E evaluations of N episodes each.

    Those of `eval_every`; where there were none, the trials' own episodes, of which there is one each: PETS adds no noise to
    what it does, so they say how good it is.

    Returns:
        timesteps [E] int64, real steps until then; results [E, N], returns; ep_lengths [E, N]; and successes [E, N] bool, where the
        task knows of success.
    """
    evaluated = [record for record in learnt.trials if "evaluation_returns" in record]
    if evaluated:
        names = {"results": "evaluation_returns", "ep_lengths": "evaluation_lengths", "successes": "evaluation_successes"}
        rows = [{name: record[key] for name, key in names.items() if key in record} for record in evaluated]
    else:
        evaluated = learnt.trials
        names = {"results": "return", "ep_lengths": "length", "successes": "success"}
        rows = [{name: [record[key]] for name, key in names.items() if key in record} for record in evaluated]
    arrays: dict[str, NDArray[Any]] = {"timesteps": np.array([record["step"] for record in evaluated], np.int64)}
    for name in names:
        if all(name in row for row in rows):
            arrays[name] = np.array([row[name] for row in rows])
    return arrays


def save_evaluations(path: Path, learnt: Learnt) -> None:
    """Write the file, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, **evaluations(learnt))  # type: ignore[arg-type]
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
