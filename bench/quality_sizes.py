"""How large a planner may be: settings that fill a budget of milliseconds or of model steps a plan.

The fair way to give planners equal wall time is to size them for it, as their users would, and to measure what a plan then takes.
A deadline instead would cut the last iterations off, which hurts those most whose last iteration is their answer; and its
figures would change with the machine's load from plan to plan. So one setting, the first of ``KNOBS`` that a planner has, is
chosen such that a plan takes the budget on this machine with one thread; elites keep their share of the population.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mbrl_fast as mf
from mbrl_fast.planners import REGISTRY

KNOBS = ("population", "samples", "restarts", "iterations")
MOST = 1 << 16


class TooDearError(ValueError):
    """The least that a planner can do takes more than the budget."""


def settings_of(name: str, task: Any) -> dict[str, Any]:
    """The task's settings, as far as the planner has them."""
    known = {field.name for field in fields(REGISTRY[name].settings_type)}
    if name == "random_shooting":
        known.remove("init_std")  # it covers the bounds
    return {key: value for key, value in task.planner_settings().items() if key in known}


def knob_of(name: str) -> str:
    """The setting that decides what a plan costs."""
    known = {field.name for field in fields(REGISTRY[name].settings_type)}
    return next(knob for knob in KNOBS if knob in known)


def scaled(name: str, base: dict[str, Any], size: int) -> dict[str, Any]:
    """Settings with another size; elites and kept elites in proportion, two at least."""
    defaults = {field.name: field.default for field in fields(REGISTRY[name].settings_type)}
    before = {**defaults, **base}
    settings = {**base, knob_of(name): size}
    if knob_of(name) == "population" and "elites" in defaults:
        settings["elites"] = int(np.clip(round(before["elites"] * size / before["population"]), 2, size))
        settings["keep_elites"] = min(int(before["keep_elites"]), settings["elites"])
    return settings


def fitted(
    name: str, problem: mf.Problem, task: Any, unit: str, budget: float, starts: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> tuple[dict[str, Any], float]:
    """Settings whose plans cost the budget, and what they cost: in "ms" (the mean over starts of
    the least of six) or in model "steps" (mean).

    starts: states [N, 6] and goals [N, 6] to plan from. Raises TooDearError.
    """
    base, least = settings_of(name, task), 1 if knob_of(name) == "iterations" else 4
    size, settings, cost = 64 if least > 1 else 4, {}, float("nan")
    for _ in range(4):
        settings = scaled(name, base, size)
        cost = _cost(REGISTRY[name](problem, **settings), unit, starts)
        better = int(np.clip(round(size * budget / cost), least, MOST))
        if better == size or abs(cost / budget - 1) < 0.05:
            break
        size = better
    if size == least and cost > 1.5 * budget:
        raise TooDearError(f"{knob_of(name)} {size} takes {cost:.3g} {unit}")
    return settings, cost


def _cost(planner: Any, unit: str, starts: tuple[NDArray[np.float32], NDArray[np.float32]]) -> float:
    if unit == "steps":
        plans = [planner.plan_batch(starts[0], goal=starts[1]) for _ in range(3)][1:]
        return float(np.mean([row.model_steps for plan in plans for row in plan.stats]))
    times = []
    for _ in range(6):  # the same plans, warm ones: what differs is what other programs took
        planner.reset()
        plans = [planner.plan_batch(starts[0], goal=starts[1]) for _ in range(2)]
        times.append([row.milliseconds for row in plans[1].stats])
    return float(np.mean(np.min(times, axis=0)))
