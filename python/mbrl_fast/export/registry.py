"""The table of lowering rules: ATen operation → function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Rule = Callable[..., Any]


@dataclass(frozen=True)
class Entry:
    """A rule and whether it wants constants as they are (`Const`) instead of as rows."""

    rule: Rule
    keep_constants: bool


RULES: dict[str, Entry] = {}


def lowers(*names: str, keep_constants: bool = False) -> Callable[[Rule], Rule]:
    """Registers a rule for ATen operations such as `add.Tensor`.

    The rule is called with the tools, then every argument of the operation's schema in order, defaults filled in.
    """

    def register(rule: Rule) -> Rule:
        for name in names:
            assert name not in RULES, f"two rules for {name}"
            RULES[name] = Entry(rule, keep_constants)
        return rule

    return register


def supported() -> str:
    """Names of the supported operations, for people: without overloads, sorted."""
    return ", ".join(sorted({name.split(".")[0] for name in RULES if not name.startswith("_")}))
