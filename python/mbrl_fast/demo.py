"""`mbrl-fast demo`: the whole story on the real parking environment, beside the notebook's own planner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbrl_fast.agent import Agent
from mbrl_fast.episode import Episode
from mbrl_fast.evaluation import EvaluationResult, evaluate
from mbrl_fast.pipeline import Built, Say, build, load_agent
from mbrl_fast.recipe import Recipe
from mbrl_fast.run import Run, new_run

if TYPE_CHECKING:
    from torch import nn

    from mbrl_fast.data import Transitions

MADE_BY = "demo"
OURS, NOTEBOOK = "mbrl_fast, C++", "notebook, PyTorch"


@dataclass(frozen=True)
class NotebookPlan:
    """The notebook returns an action only; there are no planned states to show."""

    action: NDArray[np.float32]

    @property
    def states(self) -> NDArray[np.float32]:
        """No states, [0, state_size]."""
        return np.zeros((0, 6), np.float32)


class NotebookPlanner:
    """The notebook's planner as it was written (it builds the autograd graph), behind this package's face."""

    def __init__(self, model: nn.Module, seed: int = 0) -> None:
        import torch

        torch.set_num_threads(1)  # what the C++ planner is given too
        self.model, self.seed = model, seed

    def reset(self) -> None:
        """Start every episode with the same random numbers: the notebook uses torch's global generator."""
        import torch

        torch.manual_seed(self.seed)

    def plan(self, state: NDArray[np.float32], **inputs: Any) -> NotebookPlan:
        """Plan from state [6] to the input goal [6]."""
        import torch

        from mbrl_fast.reference.notebook import cem_planner

        action = cem_planner(self.model, torch.from_numpy(state), torch.from_numpy(inputs["goal"]))
        return NotebookPlan(action.detach().numpy())


def notebook_agent(model: nn.Module, task: Any) -> Agent:
    """Make the baseline's agent; workers call it."""
    return Agent(NotebookPlanner(model), task)


def demo(
    out: Path,
    recipe: Recipe,
    *,
    episodes: int = 10,
    first_seed: int = 1000,
    jobs: int = 1,
    max_steps: int = 200,
    notebook_epochs: int = 1500,
    say: Say = lambda line: None,
) -> dict[str, dict[str, Any]]:
    """Run the demo into a run folder; one that an earlier demo made is replaced, no other is.

    Args:
        out: the run folder.
        recipe: what our ensemble is trained on; the notebook's network gets the same data.
        episodes: to drive with each of the two; episode i is reset with `first_seed` + i.
        first_seed: of the first episode.
        jobs: processes that drive, for both alike; every planner has one thread.
        max_steps: steps after which an episode has failed.
        notebook_epochs: full-batch epochs of the notebook's training; it has 1,500.
        say: told what happens, as it happens.

    Returns:
        Contender → its JSON line, as `EvaluationResult.to_dict`.
    """
    began = perf_counter()
    with new_run(out, overwrite=_is_demo(out)) as run:
        built = build(recipe, run, say)
        run.write_config({**run.read_config(), "made_by": MADE_BY})
        say(f"training the notebook's single network the notebook's way ({notebook_epochs:,} full-batch epochs)")
        baseline = train_notebook(built.data, recipe.seed, notebook_epochs)
        results: dict[str, EvaluationResult] = {}
        agents = {
            OURS: partial(load_agent, run.problem, built.task.planner_settings(), built.task),
            NOTEBOOK: partial(notebook_agent, baseline, built.task),
        }
        for name, make_agent in agents.items():
            say(f"driving {episodes} episodes, at most {max_steps} steps each: {name}")
            bar = partial(progress_bar, description=name)
            results[name] = evaluate(make_agent, built.task, episodes, first_seed, bar, jobs, max_steps)
            run.log("evaluate", contender=name, jobs=jobs, max_steps=max_steps, **results[name].to_dict())
        say("drawing plots and filming an episode")
        draw(run, built, results[OURS], max_steps)
        run.log("done", seconds=perf_counter() - began)
    return {name: result.to_dict() for name, result in results.items()}


def _is_demo(folder: Path) -> bool:
    try:
        return Run(folder).read_config().get("made_by") == MADE_BY
    except (OSError, ValueError):
        return False


def train_notebook(data: Transitions, seed: int, epochs: int = 1500) -> nn.Module:
    """Train the notebook's network on all of the data, crashes and validation part included, as the notebook does."""
    import torch

    from mbrl_fast.reference.notebook import train_notebook_model

    states, actions, next_states = map(torch.from_numpy, (data.states, data.actions, data.next_states))
    return train_notebook_model(states, actions, next_states, epochs, seed)


def progress_bar(finished: Iterable[Episode], total: int, description: str = "episodes") -> Iterator[Episode]:
    """Show a bar on stderr that counts episodes, and successes and crashes where the task knows them."""
    from tqdm.auto import tqdm

    counts = dict.fromkeys(("success", "crash"), 0)
    with tqdm(finished, desc=description, total=total, unit="episode") as bar:
        for episode in bar:
            known = [name for name in counts if name in episode.metrics]
            for name in known:
                counts[name] += bool(episode.metrics[name])
            bar.set_postfix({name: counts[name] for name in known})
            yield episode


def draw(run: Run, built: Built, result: EvaluationResult, max_steps: int) -> None:
    """Write the fan plot, and plot and video of the most telling episode into the run folder."""
    from mbrl_fast import plot
    from mbrl_fast.report.film import film

    plot.save(plot.fan(plot.measure_fan(built.problem, built.task)), run.plots / "fan.png")
    agent = load_agent(run.problem, built.task.planner_settings(), built.task)
    film(agent, built.task, telling_seed(result), run.plots, max_steps)


def telling_seed(result: EvaluationResult) -> int:
    """Choose the episode to film: among those that parked strictly, the one of median length; else the first."""
    parked = sorted((e for e in result.episodes if e.metrics["strict"]), key=lambda episode: len(episode.actions))
    return parked[len(parked) // 2].seed if parked else result.episodes[0].seed
