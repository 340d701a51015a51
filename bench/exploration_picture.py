"""The picture of bench.exploration_bonus: where each explorer was, what it had seen, and how it stays in the patch or leaves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.noisy_room import CENTRE, RADIUS

COLOURS = {"between": "C0", "between, 20 particles": "C4", "within": "C3", "no bonus": "C2", "random": "0.5"}


def picture(result: dict[str, Any], path: Path) -> None:
    """Above a map for each explorer; below coverage and the share of steps in the patch against episodes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = result["found"]
    figure = pyplot.figure(figsize=(15, 8), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.0, 1.25))
    maps = above.subplots(1, len(found), squeeze=False)[0]
    most = max(_share(each["visited"]).max() for each in found.values())
    for axis, (name, each) in zip(maps, found.items(), strict=True):
        drawn = _map(axis, name, each, most)
    above.colorbar(drawn, ax=maps, label="share of all steps in a cell", shrink=0.8)
    covered, stayed = below.subplots(1, 2)
    for name, each in found.items():
        _band(covered, np.array(each["coverage"]), name)
        _band(stayed, _smooth(np.array(each["patch"])), name)
    stayed.axhline(np.pi * RADIUS**2 / 4.0, color="black", linewidth=0.8, linestyle=":", label="the patch's share of the room")
    covered.set(title="share of the quiet cells that were seen", ylabel="share", ylim=(0.0, 1.0))
    stayed.set(title="share of steps in the patch, mean over three episodes", ylabel="share", ylim=(0.0, 1.0))
    for axis in (covered, stayed):
        axis.title.set_fontsize(10)
        axis.set_xlabel("episodes")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    seeds, steps = len(result["options"]["seeds"]), result["options"]["max_steps"]
    figure.suptitle(f"exploring without a goal: {seeds} seeds, episodes of {steps} steps from the middle, bands: standard errors")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _map(axis: Any, name: str, each: dict[str, Any], most: float) -> Any:
    """Where it was; the circle is the noisy patch."""
    from matplotlib.colors import PowerNorm
    from matplotlib.patches import Circle

    norm = PowerNorm(0.5, 0.0, most)  # rare places are to be seen, too
    drawn = axis.imshow(_share(each["visited"]).T, origin="lower", extent=(-1, 1, -1, 1), cmap="magma", norm=norm)
    axis.add_patch(Circle(tuple(CENTRE), RADIUS, fill=False, color="cyan", linewidth=1.2))
    axis.plot(0.0, 0.0, "+", color="white", ms=7)
    axis.set_title(f"{name}: {each['final_coverage']:.0%} seen", fontsize=10)
    axis.set_xticks([-1, 0, 1])
    axis.set_yticks([-1, 0, 1])
    return drawn


def _share(visited: Any) -> Any:
    counts = np.array(visited, float)
    return counts / counts.sum()


def _smooth(values: Any) -> Any:
    """[seeds, episodes], each the mean of itself and its neighbours."""
    padded = np.pad(values, ((0, 0), (1, 1)), mode="edge")
    return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3.0


def _band(axis: Any, values: Any, name: str) -> None:
    """The mean over the seeds, values [seeds, episodes], and its standard error."""
    mean, at = values.mean(0), np.arange(1, values.shape[1] + 1)
    error = values.std(0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.zeros_like(mean)
    axis.plot(at, mean, color=COLOURS[name], label=name)
    axis.fill_between(at, mean - error, mean + error, color=COLOURS[name], alpha=0.2, linewidth=0)
