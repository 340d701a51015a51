"""The pictures of bench.episode_quality: success against milliseconds, against model steps, and against real transitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.quality_cells import BICYCLE, ENSEMBLE, NOTEBOOK


def picture(table: dict[str, Any], path: Path) -> None:
    """Three panels: each point a cell with its Wilson interval, the horizontal axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(16, 5), layout="constrained", sharey=True)
    cells = {name: cell for name, cell in table["cells"].items() if "absent" not in cell}
    agents = sorted({cell["cell"]["agent"] for cell in cells.values() if cell["cell"]["unit"]})
    colours = {name: f"C{i}" for i, name in enumerate(agents)}
    for axis, unit, label in (
        (axes[0], "ms", "ms a plan, one thread"),
        (axes[1], "steps", "model steps a plan"),
    ):
        for agent in agents:
            for model, style in ((BICYCLE, "-"), (ENSEMBLE, "--")):
                key = {"agent": agent, "model": model, "unit": unit}
                found = [cell for cell in cells.values() if key.items() <= cell["cell"].items()]
                found.sort(key=lambda cell: cell["cell"]["budget"])
                at = [c["cost"] for c in found]
                _curve(axis, at, [c["row"] for c in found], f"{agent}, {model}", colours[agent], style)
        axis.set(xscale="log", xlabel=label)
    notebook = next((c["row"] for c in cells.values() if c["cell"]["agent"] == NOTEBOOK), None)
    if notebook:
        _curve(axes[0], [notebook["plan_ms"]], [notebook], NOTEBOOK, "0.4", "")
    _learnt(axes[2], table, cells)
    axes[0].set(ylabel="success, the environment's own rule", ylim=(-0.03, 1.03))
    for axis in axes:
        axis.grid(alpha=0.3, which="both")
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        axis.xaxis.set_minor_formatter(lambda value, _: f"{value:,.10g}" if f"{value:e}"[0] in "25" else "")
        if axis.get_legend_handles_labels()[1]:
            axis.legend(fontsize=8)
    world = "highway-env" if table["conditions"]["world"] == "env" else "a replica of highway-env's dynamics (screening)"
    figure.suptitle(f"parking on {world}, {table['episodes']} episodes a point, 95 % Wilson intervals")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _learnt(axis: Any, table: dict[str, Any], cells: dict[str, Any]) -> None:
    """Policies as they learn, and the best cell of our learnt model at its transitions."""
    for i, cell in enumerate(c for c in cells.values() if c.get("curve")):
        rows = cell["curve"]
        _curve(axis, [row["transitions"] for row in rows], rows, cell["cell"]["agent"], f"C{6 + i}", "-")
    ours = [cell for cell in cells.values() if cell["cell"]["model"] == ENSEMBLE]
    if ours:
        best = max(ours, key=lambda cell: (cell["row"]["success_rate"], -cell["cell"]["budget"]))
        known = table["conditions"]["transitions"]
        name = f"planner on the ensemble: {best['cell']['agent']} at {best['cell']['budget']:g} {best['cell']['unit']}"
        _curve(axis, [known], [best["row"]], name, "C2", "")
    axis.set(xscale="log", xlabel="real transitions")


def _curve(axis: Any, at: list[float], rows: list[dict[str, Any]], name: str, colour: str, style: str) -> None:
    if not rows:
        return
    rates = np.array([row["success_rate"] for row in rows])
    low, high = np.array([row["success_interval"] for row in rows]).T
    axis.errorbar(
        at, rates, yerr=[rates - low, high - rates], label=name, color=colour, linestyle=style, marker="o", ms=4, capsize=2
    )
