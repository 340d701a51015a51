"""The picture of bench.horizon: return and milliseconds against the horizon, and what a terminal value gains and costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

STYLES = {"exact model": ("black", "o"), "single network": ("C3", "s"), "ensemble": ("C0", "^")}
FLAT = 15
"""From this horizon on returns are close together, and drawn once more."""
Row = dict[str, Any]


def picture(result: dict[str, Any], path: Path) -> None:
    """Above: return and milliseconds for each model. Below: return with a value against the horizon, and against its real steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows, plain = result["rows"], [row for row in result["rows"] if not row["value_steps"]]
    figure, axes = pyplot.subplots(2, 2, figsize=(12, 8.6), layout="constrained")
    closer = axes[0, 0].inset_axes((0.36, 0.2, 0.6, 0.5))
    shown = {row["horizon"] for row in plain if row["model"] == "exact model"}
    for model, (colour, marker) in STYLES.items():
        found = sorted((row for row in plain if row["model"] == model and row["horizon"] in shown), key=lambda row: row["horizon"])
        _curve(axes[0, 0], found, "horizon", colour, marker, model)
        _curve(closer, [row for row in found if row["horizon"] >= FLAT], "horizon", colour, marker, model)
        axes[0, 1].plot(
            [r["horizon"] for r in found], [r["plan_ms"] for r in found], color=colour, marker=marker, ms=4, label=model
        )
    _gain(axes[1, 0], [row for row in plain if row["model"] == "single network"], [row for row in rows if row["value_steps"]])
    _cost(axes[1, 1], [row for row in rows if row["value_steps"]])
    closer.set_xticks(sorted(horizon for horizon in shown if horizon >= FLAT))
    closer.tick_params(labelsize=8)
    closer.grid(alpha=0.3)
    axes[0, 0].set(title="return of an episode", ylabel="return", xlabel="horizon, steps of 0.05 s")
    axes[0, 1].set(title="milliseconds of a plan, one thread", ylabel="ms", xlabel="horizon, steps of 0.05 s", yscale="log")
    axes[0, 1].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[0, 1].yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes[1, 0].set(
        title="single network, with and without a learnt value at the end", ylabel="return", xlabel="horizon, steps of 0.05 s"
    )
    axes[1, 1].set(title="what the value costs", ylabel="return", xlabel="real steps that the value has learnt from")
    for axis, part in ((axes[0, 0], plain), (axes[0, 1], plain), (axes[1, 0], [row for row in rows if row["value_steps"]])):
        axis.set_xticks(sorted({row["horizon"] for row in part if row["model"] != "single network"}))
    for axis in axes.flat:
        axis.title.set_fontsize(10)
        axis.grid(alpha=0.3)
        if axis.get_legend_handles_labels()[1]:
            axis.legend(fontsize=8, ncols=3 if axis is axes[0, 0] else 1)
    seeds = len(result["options"]["data_seeds"])
    figure.suptitle(
        f"Pendulum-v1, CEM 3 × 100: {seeds} data seeds of {result['options']['starts']} episodes, standard errors over seeds"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _gain(axis: Any, without: list[Row], with_value: list[Row]) -> None:
    """Return against the horizon; the more the value has seen, the darker."""
    steps = sorted({row["value_steps"] for row in with_value})
    longest = max((row["horizon"] for row in with_value), default=0)
    shown = sorted((row for row in without if row["horizon"] <= longest), key=lambda row: row["horizon"])
    _curve(axis, shown, "horizon", "C3", "s", "without")
    for shade, count in zip(np.linspace(0.75, 0.1, len(steps)), steps, strict=True):
        found = sorted((row for row in with_value if row["value_steps"] == count), key=lambda row: row["horizon"])
        _curve(axis, found, "horizon", (shade, 0.3 + 0.6 * shade, shade), "o", f"value learnt from {count:,} steps")


def _cost(axis: Any, with_value: list[Row]) -> None:
    """Return against the value's real steps, a curve for each horizon."""
    steps = sorted({row["value_steps"] for row in with_value})
    for number, horizon in enumerate(sorted({row["horizon"] for row in with_value})):
        found = sorted((row for row in with_value if row["horizon"] == horizon), key=lambda row: row["value_steps"])
        _curve(axis, found, "value_steps", f"C{number}", "o", f"horizon {horizon}")
    if steps:
        axis.set_xscale("log")
        axis.set_xticks(steps, [f"{count:,}" for count in steps])
        axis.set_xticks([], minor=True)


def _curve(axis: Any, rows: list[Row], along: str, colour: Any, marker: str, label: str) -> None:
    errors = [row["return_error"] or 0.0 for row in rows]
    at, values = [row[along] for row in rows], [row["return"] for row in rows]
    axis.errorbar(at, values, yerr=errors, color=colour, marker=marker, ms=4, capsize=2, label=label)
