"""The report of a run: one HTML file with everything in it, which opens anywhere and asks no network for anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from mbrl_fast import plot, tensors
from mbrl_fast.episode import ending
from mbrl_fast.evaluation import EvaluationResult
from mbrl_fast.problem import Problem
from mbrl_fast.report import markup, worst
from mbrl_fast.report.cards import problem_card
from mbrl_fast.report.table import ROWS
from mbrl_fast.run import Run

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #ccc; } h3 { font-size: 1em; }
table { border-collapse: collapse; margin: 0.5em 0; }
th, td { padding: 0.2em 0.8em 0.2em 0; vertical-align: top; font-weight: normal; overflow-wrap: anywhere; }
th { color: #666; min-width: 9em; } thead th { color: #222; font-weight: bold; } td { font-variant-numeric: tabular-nums; }
tr { border-bottom: 1px solid #eee; } img, video { display: block; max-width: min(48em, 100%) !important; margin: 0.5em 0; }
"""
FROM_TRAINING = {"losses.png": "losses of training", "open_loop.png": "open-loop errors on validation episodes"}
"""Pictures that training leaves in a run's plots, and what they show."""
MOST_COLUMNS = 4
"""Evaluations shown side by side, the latest."""


def write_report(run: Run, task: Any, problem: Problem, result: EvaluationResult | None = None, path: Path | None = None) -> Path:
    """Write the report of a run: configuration, training, what the model predicts, evaluations, worst episodes, times and films.

    Args:
        run: whose configuration, numbers, pictures and films are taken.
        task: that it learnt. problem: that it plans on.
        result: fresh episodes, for the worst ones and the plan times; with recorded plans these are drawn.
        path: of the file; report.html in the run folder by default.

    Returns:
        The path.
    """
    name = run.folder.resolve().name
    sections = "\n".join(f"<h2>{escape(title)}</h2>\n{body}" for title, body in _sections(run, task, problem, result) if body)
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(name)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(task.name)}: {escape(name)}</h1>
{sections}
</body>
</html>
"""
    return tensors.write_whole(path or run.folder / "report.html", page.encode("utf-8"))


def _sections(run: Run, task: Any, problem: Problem, result: EvaluationResult | None) -> Iterator[tuple[str, str]]:
    """Titles and bodies; a body is empty where the run has nothing of that kind."""
    config = run.read_config()
    yield "Outcome", _outcome(run)
    yield "Films", "\n".join(markup.film(path) for path in sorted(run.plots.glob("*.mp4")))
    yield "Training", _training(run)
    yield "What the model predicts", _fan(run, task, problem)
    if result is not None:
        yield "Worst episodes", _worst(result)
        yield "Time of a plan", markup.picture(plot.latency(result, 1e3 * task.dt), "histogram of plan times; a step as deadline")
    yield "What is planned on", problem_card(problem)
    yield "Configuration", markup.table(_flat(config))


def _outcome(run: Run) -> str:
    """The latest evaluations side by side, and what planning time bought where there are several."""
    lines = {_named(line): line for line in run.read_metrics() if line["event"] == "evaluate"}
    latest = dict(list(lines.items())[-MOST_COLUMNS:])
    rows = [(label, *(cell(line) for line in latest.values())) for label, cell in ROWS.items()]
    known = [row for row in rows if any(row[1:])]
    table = markup.table(known, ("95 % intervals", *latest)) if latest else ""
    return table + (markup.picture(plot.pareto(latest), "outcome against milliseconds of a plan") if len(latest) > 1 else "")


def _named(line: Mapping[str, Any]) -> str:
    seeds = f"seeds {line['first_seed']}–{line['first_seed'] + line['episodes'] - 1}"
    late = f", {line['actuation_delay']:.3g} s late" if "actuation_delay" in line else ""
    return f"{line['contender']}, {seeds}" if "contender" in line else seeds + late


def _training(run: Run) -> str:
    """The learning curve of a run that learnt online, and what training drew."""
    learnt = any(line["event"] == "trial" for line in run.read_metrics())
    curve = [markup.picture(plot.learning_curve([run.folder]), "return against real steps")] if learnt else []
    drawn = [(run.plots / name, description) for name, description in FROM_TRAINING.items()]
    return "\n".join([*curve, *(markup.picture(path, description) for path, description in drawn if path.is_file())])


def _fan(run: Run, task: Any, problem: Problem) -> str:
    """Of parking alone: six actions, predicted and driven."""
    if not task.name.startswith("parking"):
        return ""
    path = run.plots / "fan.png"
    drawn = path if path.is_file() else plot.fan(plot.measure_fan(problem, task))
    return markup.picture(drawn, "six actions, predicted and driven")


def _worst(result: EvaluationResult) -> str:
    usual = worst.usual_change(result.episodes)
    parts = []
    for record in worst.worst(result.episodes):
        bad = worst.first_bad_step(record, usual)
        words = f"<h3>Seed {record.seed}: {escape(ending(record))}</h3><p>{escape(worst.describe(record, bad))}</p>"
        parts.append(words + markup.picture(worst.draw(record, bad), f"episode of seed {record.seed}, planned and realised"))
    return "\n".join(parts)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Rows of nested settings: "planner.horizon", "5"."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif name == "command" and isinstance(value, list):
            yield name, " ".join(map(str, value))
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)
