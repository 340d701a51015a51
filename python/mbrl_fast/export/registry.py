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


# What torch itself decomposes into operations that have rules.
_DECOMPOSED = frozenset({
    "addcdiv", "addcmul", "all", "arange", "atanh", "baddbmm", "chunk", "cosine_similarity", "count_nonzero", "detach",
    "diag_embed", "diff", "einsum", "eye", "floor_divide", "flatten", "frac", "full", "glu", "group_norm", "gru_cell",
    "hardshrink", "heaviside", "isfinite", "lerp", "linspace", "logaddexp", "logit", "lstm_cell", "meshgrid",
    "nan_to_num", "narrow", "normalize", "ones", "ones_like", "pad", "prelu", "reshape", "rms_norm", "roll", "rsub",
    "scaled_dot_product_attention", "sgn", "sinc", "softshrink", "softsign", "square", "squeeze", "std", "take_along_dim",
    "tensordot", "threshold", "tile", "tril", "triu", "vecdot", "zeros", "zeros_like",
})  # fmt: skip


def supported() -> str:
    """Names of the supported operations, for people: without overloads, sorted."""
    ruled = {name.split(".")[0] for name in RULES if not name.startswith("_")}
    return ", ".join(sorted(ruled | _DECOMPOSED))
