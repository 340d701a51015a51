"""Looks over a planner's shoulder: hands it the reference's noise, and notes what it gives to the model and whom it picks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .exercise import Exercise, Trace

_DRAWS = (torch.randn, torch.randn_like, torch.normal, Tensor.normal_)


class Recorder(TorchFunctionMode):
    """While entered, normal numbers drawn from PyTorch are the exercise's, in whatever order the axes are asked for.

    Args:
        exercise: whose noise is handed out. plan: of the noise. model: whose calls are noted, by a hook.
    """

    def __init__(self, exercise: Exercise, plan: int, model: nn.Module) -> None:
        super().__init__()
        self._exercise, self._plan, self._model = exercise, plan, model
        self._generator = torch.Generator().manual_seed(exercise.seed)
        self._calls: list[tuple[int, Tensor, Tensor]] = []
        self._draws = self._knot = 0
        self.picks: dict[int, Tensor] = {}
        """Iteration -> elites [K], if they were taken by topk."""
        self.strange: list[list[int]] = []
        """Shapes of noise that are none of the exercise's."""

    @property
    def iterations(self) -> int:
        """How often noise for all candidates was drawn."""
        return self._draws + (self._knot > 0)

    def trace(self, answer: Any) -> Trace:
        """What was seen. Iterations in which the model was given batches of several sizes are left out."""
        found = Trace(answer=answer)
        for iteration in range(self.iterations):
            calls = [call[1:] for call in self._calls if call[0] == iteration]
            if len({(state.shape, action.shape) for state, action in calls}) == 1:
                states, actions = zip(*calls, strict=True)
                found.states.append(torch.stack(states))
                found.actions.append(torch.stack(actions))
        return found

    @property
    def called(self) -> bool:
        """Whether the model was asked at all."""
        return bool(self._calls)

    def __enter__(self) -> Recorder:
        self._hook = self._model.register_forward_hook(self._note, with_kwargs=True)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._hook.remove()
        super().__exit__(kind, error, traceback)  # type: ignore[no-untyped-call]

    def _note(self, module: nn.Module, args: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        state, action = (*args, *named.values())[:2]
        self._calls.append((self.iterations - 1, state.detach().clone(), action.detach().clone()))

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Every call into PyTorch comes by here."""
        named = kwargs or {}
        if func in _DRAWS:
            return self._drawn(func, args, named)
        result = func(*args, **named)
        if func in (torch.topk, Tensor.topk):
            self.picks.setdefault(self.iterations - 1, result.indices.reshape(-1).clone())
        return result

    def _drawn(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
        """The function's answer with the exercise's noise in it: its own has the shape, the type, and the errors."""
        like: Tensor = func(*args, **named)
        drawn = self._serve(list(like.shape)).to(like)
        if func in (torch.randn, torch.randn_like):
            return drawn
        names = ("self", "mean", "std") if func is Tensor.normal_ else ("mean", "std")
        given = {**dict(zip(names, args, strict=False)), **named}
        values = given.get("mean", 0.0) + given.get("std", 1.0) * drawn
        return like.copy_(values) if func is Tensor.normal_ else values

    def _serve(self, shape: list[int]) -> Tensor:
        """Normal numbers of a shape: the exercise's [N, H, A] with its axes in any order, [N, H·A], or knot by knot [N, A]."""
        noise, wanted = self._exercise.noise(self._plan, self._draws), _without_ones(shape)
        for order in ((1, 0, 2), *permutations(range(3))):
            if _without_ones(noise.permute(order).shape) == wanted:
                self._draws += 1
                return noise.permute(order).reshape(shape)
        if wanted == _without_ones(noise.flatten(1).shape):
            self._draws += 1
            return noise.reshape(shape)
        if wanted == _without_ones(noise[:, 0].shape):
            knot, self._knot = self._knot, (self._knot + 1) % noise.shape[1]
            self._draws += self._knot == 0
            return noise[:, knot].reshape(shape)
        self.strange.append(shape)
        self._draws += 1
        return torch.randn(shape, generator=self._generator)


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size > 1]
