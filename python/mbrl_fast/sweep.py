"""Many runs of PETS, settings × seeds, in parallel processes or on a cluster.

```python
from joblib import parallel_config
from ray.util.joblib import register_ray

register_ray()
with parallel_config(backend="ray"):  # without these lines: processes on this machine
    runs = sweep({"one network": single, "ensemble": five}, seeds=range(5), folder="runs/compare", jobs=10)
```
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mbrl_fast.online.settings import PETSSettings

if TYPE_CHECKING:
    from mbrl_fast.online import Learnt


def sweep(
    settings: Mapping[str, PETSSettings],
    seeds: Sequence[int],
    folder: str | Path,
    *,
    jobs: int = 1,
    task: Any = None,
    say: Callable[[str], None] = lambda line: None,
    **options: Any,
) -> dict[str, list[Learnt]]:
    """Learn with all settings and seeds, and draw the curves of all.

    One that fails lets those that run end with its error; call it again with `resume=True`, and what ended is not done again.

    Args:
        settings: name → settings; their seed is replaced, and each run has one thread, as several share the machine. The name
            is a folder; "" for one of them alone.
        seeds: of the runs.
        folder: run folders are `folder/name/seed0` and so on; `folder/learning_curve.png` is drawn of all. On a cluster all
            machines must see it.
        jobs: runs at once, by `joblib.Parallel`, whose backend `joblib.parallel_config` chooses.
        task: see `learn`.
        say: told when it begins and ends.
        options: of `learn`, such as `resume`.

    Returns:
        Name → what was learnt with each seed, in their order; without the models, which are in the run folders.
    """
    try:
        from joblib import Parallel, delayed
    except ImportError:
        raise ImportError('a sweep needs joblib: pip install "mbrl-fast[cli]"') from None
    from mbrl_fast import plot

    if not settings or not seeds:
        raise ValueError(f"a sweep needs settings and seeds, got {len(settings)} settings and {len(seeds)} seeds")
    folder = Path(folder).absolute()
    asked = [(name, seed) for name in settings for seed in seeds]
    say(f"{len(asked)} runs, {jobs} at once, in {folder}")
    work = (
        delayed(_one)(
            replace(settings[name], seed=int(seed), threads=1, training_threads=1), folder / name / f"seed{seed}", task, options
        )
        for name, seed in asked
    )
    finished = Parallel(n_jobs=jobs)(work)
    runs: dict[str, list[Learnt]] = {name: [] for name in settings}
    for (name, _), learnt in zip(asked, finished, strict=True):
        runs[name].append(learnt)
    plot.save(plot.learning_curve(runs), folder / "learning_curve.png")
    say(f"drawn in {folder / 'learning_curve.png'}")
    return runs


def _one(settings: PETSSettings, folder: Path, task: Any, options: dict[str, Any]) -> Learnt:
    """One run, in a worker. What it learnt comes back without the models: they are large, and in its folder."""
    from mbrl_fast.online import learn

    return replace(learn(settings, folder, task=task, **options), models=None)
