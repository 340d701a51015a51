"""The commands, one a file, and how the words of a command line become one of them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Annotated, Any

import tyro

from mbrl_fast.commands.common import Command
from mbrl_fast.commands.demo import Demo
from mbrl_fast.commands.evaluate import Evaluate
from mbrl_fast.commands.inspect import Inspect
from mbrl_fast.commands.pets import Pets
from mbrl_fast.commands.plan import Plan
from mbrl_fast.commands.replay import Replay
from mbrl_fast.commands.report import Report
from mbrl_fast.commands.train import Train
from mbrl_fast.commands.verify import Verify

DESCRIPTION = """Real-time planning with learned dynamics: train in PyTorch, export, plan in C++.

A first session:
  mbrl-fast demo                                     # all of it, in a few minutes
  mbrl-fast train --out runs/first                   # collect, train, export, verify
  mbrl-fast evaluate runs/first --episodes 20        # drive
  mbrl-fast report runs/first                        # all about it in one HTML file
  mbrl-fast pets --out runs/pets                     # learn online, from its own episodes
  mbrl-fast inspect runs/first/problem.safetensors   # look inside the file
  mbrl-fast replay decision.snapshot                 # one decision again, drawn

Each command explains itself: mbrl-fast train --help"""

COMMANDS: dict[str, type[Command]] = {
    "demo": Demo,
    "train": Train,
    "evaluate": Evaluate,
    "report": Report,
    "pets": Pets,
    "plan": Plan,
    "inspect": Inspect,
    "verify": Verify,
    "replay": Replay,
}


def parse(arguments: Sequence[str]) -> Command:
    """Parse the words after the program's name. Raises SystemExit after printing help or a complaint."""
    name, *options = arguments or ["--help"]
    if name in COMMANDS:
        return tyro.cli(COMMANDS[name], prog=f"mbrl-fast {name}", args=options)
    # Not a command: the overview, with one line for each, is printed or complains.
    overview: list[Any] = [
        Annotated[command, tyro.conf.subcommand(name, description=(command.__doc__ or "").splitlines()[0])]
        for name, command in COMMANDS.items()
    ]
    parsed: Command = tyro.cli(reduce(operator.or_, overview), prog="mbrl-fast", description=DESCRIPTION, args=[name])
    return parsed
