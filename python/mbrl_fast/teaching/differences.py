"""What is seen without trying: answers of the wrong kind, other counts, another start; and the first step that nothing explains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .exercise import Exercise, Switches, Trace
from .mistakes import first_difference, same
from .recorder import Recorder

Found = list[tuple[str, str]]
"""Names and sentences."""


def answer_differences(exercise: Exercise, answer: Any) -> Found:
    """Of an answer that is no action at all."""
    size = len(exercise.low)
    if not isinstance(answer, Tensor):
        return [("no tensor", f"The answer must be a tensor [{size}], the first action; it is a {type(answer).__name__}.")]
    found = []
    if list(answer.shape) != [size]:
        found.append(("wrong shape", f"The answer must have shape [{size}], the first action; it has {list(answer.shape)}."))
    if answer.dtype != torch.float32:
        found.append(("wrong dtype", f"The answer must be float32; it is {str(answer.dtype).removeprefix('torch.')}."))
    if not answer.isfinite().all():
        found.append(("not finite", f"The answer must be finite; it is {[round(x, 4) for x in answer.reshape(-1).tolist()]}."))
    return found


def noise_differences(e: Exercise, recorder: Recorder) -> Found:
    """Of noise that is not one number for each candidate, knot and entry of the action."""
    return [
        ("wrong noise", f"It draws noise of shape {shape}: each of {e.population} candidates needs {e.horizon} · {len(e.low)} "
         f"numbers of its own, such as torch.randn({e.horizon}, {e.population}, {len(e.low)}).")
        for shape in recorder.strange[:1]
    ]  # fmt: skip


def setup_differences(exercise: Exercise, recorder: Recorder, seen: Trace, right: Switches) -> tuple[Found, Switches | None]:
    """What the counts say, and the reference with these counts; None in its place where there is nothing more to compare."""
    e, drawn = exercise, recorder.iterations
    if not recorder.called:
        return [("model not called", "It never calls the model that was given. If it uses one of its own, give that one.")], None
    if drawn == 0:
        return [
            ("no noise", "It draws no normal numbers from PyTorch: use torch.randn, so that the noise can be the reference's.")
        ], None
    if recorder.strange:
        return noise_differences(exercise, recorder), None
    if len(seen.actions) != drawn or seen.actions[0].shape[1:] != (e.population, len(e.low)):
        return [("wrong batch", f"The model must be given all {e.population} candidates at once: states [{e.population}, "
                 f"{len(e.state)}] and actions [{e.population}, {len(e.low)}].")], None  # fmt: skip
    steps, found, base = len(seen.actions[0]), [], right
    if drawn != e.iterations:
        found.append(("wrong iterations", f"It iterates {drawn} times, not {e.iterations}."))
        base = replace(base, iterations=drawn)
    if steps != e.horizon * e.action_repeat:
        if steps % e.horizon:
            return [*found, ("wrong steps", f"A rollout has {steps} model steps, not {e.horizon} · {e.action_repeat}.")], None
        held = steps // e.horizon
        ignored = "action repeat ignored" if held == 1 else "wrong action repeat"
        found.append((ignored, f"Each action is held for {held} model step{'s' * (held > 1)}, not for {e.action_repeat}."))
        base = replace(base, action_repeat=held)
    chosen = len(recorder.picks.get(0, ())) or e.selection
    if chosen not in (e.selection, e.population):  # a whole ranking says nothing of how many were taken
        found.append(("wrong number of elites", f"It refits to {chosen} elites, not to {e.selection}."))
        base = replace(base, elites=chosen)
    return _start(exercise, seen, base, found)


def _start(e: Exercise, seen: Trace, base: Switches, found: Found) -> tuple[Found, Switches]:
    """Where mean and std begin."""
    mean, std = fit(e, seen.actions[0][:: base.action_repeat], 0)
    wanted = {"mean": (mean, base.start_mean), "std": (std, base.start_std)}
    for what, (values, right) in wanted.items():
        value = float(values.mean())
        if abs(value - right) > 1e-3 and float((values - value).abs().max()) < 1e-3:
            found.append((f"wrong first {what}", f"The {what} of the first candidates is {value:.3g}, not {right:g}."))
            base = replace(base, start_mean=value) if what == "mean" else replace(base, start_std=value)
    return found, base


def fit(exercise: Exercise, knots: Tensor, iteration: int) -> tuple[Tensor, Tensor]:
    """Mean and std [H, A] that knots [H, N, A] were drawn with, from those that were not clipped: the noise is known."""
    noise = exercise.noise(0, iteration).transpose(0, 1)
    outside = bool(((knots < exercise.low) | (knots > exercise.high)).any())
    inside = torch.ones_like(knots) if outside else ((knots > exercise.low) & (knots < exercise.high)).float()
    count = inside.sum(1).clamp(min=1)
    noise_mean, knot_mean = (noise * inside).sum(1) / count, (knots * inside).sum(1) / count
    away = (noise - noise_mean[:, None]) * inside
    std = (away * (knots - knot_mean[:, None])).sum(1) / away.square().sum(1).clamp(min=1e-12)
    return knot_mean - std * noise_mean, std


def describe(exercise: Exercise, recorder: Recorder, seen: Trace, expected: Trace) -> Found:
    """The first difference that no known mistake explains."""
    where = first_difference(seen, expected)
    assert where is not None
    if where == "answer":
        given, wanted = ([round(x, 4) for x in trace.answer.tolist()] for trace in (seen, expected))
        return [("other answer", f"All candidates are the reference's, and the answer is not: it is {given}, not {wanted}.")]
    if where == "shapes":
        steps = [len(actions) for actions in seen.actions]
        return [("other steps", f"Its iterations give the model other batches than the first: they have {steps} model steps.")]
    what, iteration = where.split()[0], int(where.split()[1])
    so_far = "" if iteration == 0 else f"Up to iteration {iteration} its candidates are the reference's. "
    if what == "states":
        return [("other states", f"{so_far}In iteration {iteration + 1} the states that the model is given are others.")]
    name, words = _candidates_differ(exercise, recorder, seen, expected, iteration)
    return [(name, f"{so_far}In iteration {iteration + 1} {words}.")]


def _candidates_differ(exercise: Exercise, recorder: Recorder, seen: Trace, expected: Trace, iteration: int) -> tuple[str, str]:
    """A name, and how mean and std of an iteration differ from the reference's."""
    repeat = len(seen.actions[0]) // exercise.horizon
    held = seen.actions[iteration].reshape(exercise.horizon, repeat, *seen.actions[iteration].shape[1:])
    if not torch.equal(held, held[:, :1].expand_as(held)):
        return "action not held", "an action changes while it should be held"
    names, words = [], [_elites_differ(recorder, expected, iteration - 1)]
    fits = (fit(exercise, trace.actions[iteration][::repeat], iteration) for trace in (seen, expected))
    for name, got, right in zip(("mean", "std"), *fits, strict=True):
        if same(got, right):
            continue
        names.append(f"other {name}")
        ratio = got / right
        if name == "std" and float(ratio.std()) < 1e-2 * float(ratio.mean().abs()):
            words.append(f"the std is {float(ratio.mean()):.3f} times the reference's")
        else:
            words.append(f"the {name} differs by up to {float((got - right).abs().max()):.3g}")
    return " and ".join(names) or "other candidates", ", ".join(word for word in words if word) or "the candidates are others"


def _elites_differ(recorder: Recorder, expected: Trace, iteration: int) -> str:
    picked = recorder.picks.get(iteration)
    if picked is None or iteration < 0:
        return ""
    right = set(expected.elites[iteration].tolist())
    others = len(right - set(picked.tolist()))
    return f"after {others} of {len(right)} elites that are others" if others else ""
