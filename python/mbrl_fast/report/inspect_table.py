"""What is inside a Problem file, as tables that an engineer can check against the module that was exported."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mbrl_fast.pipeline import load_problem

if TYPE_CHECKING:
    from rich.table import Table


def read_header(path: Path) -> dict[str, Any]:
    """Read the JSON header of a safetensors file: 8 bytes of length, then the header.

    Only for files that `load` has accepted: it checks nothing.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header: dict[str, Any] = json.loads(file.read(length))
    return header


def multiply_adds(instruction: dict[str, Any]) -> int:
    """Count the multiply-adds of the sums of products in one instruction, for one candidate of one member."""
    operands, outputs = instruction["in"], instruction["out"]
    if instruction["op"] == "linear":
        return len(operands[0]) * len(outputs)
    if instruction["op"] == "dot":
        return len(operands[0])
    return 0


def inspect_tables(path: Path) -> list[Table]:
    """Make the tables: the problem, its state and action, its programs, its tensors.

    Raises OSError or ValueError with one sentence if the file cannot be read; the strict loader reads it first.
    """
    problem = load_problem(path)
    header = read_header(path)
    metadata = header.pop("__metadata__")
    graph = json.loads(metadata["graph"])
    return [
        _problem_table(path, metadata, graph, problem.reward_bound),
        _entries_table(graph),
        _programs_table(graph),
        _tensors_table(header),
    ]


def _table(title: str, *columns: str, numbers: int = 0) -> Table:
    """Make an empty table whose last `numbers` columns are aligned right."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index >= len(columns) - numbers else "left", overflow="fold")
    return table


def _problem_table(path: Path, metadata: dict[str, str], graph: dict[str, Any], reward_bound: float) -> Table:
    table = _table(str(path), "", "")
    table.add_row("format", f"{metadata['format']} {metadata['version']}, crc32 {metadata['crc32']}")
    table.add_row("file", f"{path.stat().st_size:,} bytes")
    table.add_row("state × action", f"{graph['state_size']} × {graph['action_size']}")
    table.add_row("dt", f"{float.fromhex(graph['dt']):g} s")
    table.add_row("members", str(graph["members"]))
    origin = "declared or derived" if "reward_bound" in graph else "derived"
    table.add_row("reward", "no bound is known" if reward_bound == float("inf") else f"at most {reward_bound:g} ({origin})")
    for entry in graph["inputs"]:
        shape = "×".join(map(str, entry["shape"])) or "scalar"
        table.add_row(f"input {entry['name']}", shape + (", one per model step" if entry["per_step"] else ""))
    return table


def _entries_table(graph: dict[str, Any]) -> Table:
    table = _table("entries", "entry", "name", "unit", "low", "high", numbers=2)
    for kind in ("state", "action"):
        names, units = graph[f"{kind}_names"], graph[f"{kind}_units"]
        for index in range(graph[f"{kind}_size"]):
            ends = ("action_low", "action_high") if kind == "action" else ()
            bounds = [f"{float.fromhex(graph[end][index]):g}" for end in ends]
            name, unit = names[index] if names else "", units[index] if units else ""
            table.add_row(f"{kind}[{index}]", name, unit, *bounds)
    return table


def _programs_table(graph: dict[str, Any]) -> Table:
    programs = graph["programs"]
    table = _table("programs", "", *programs)
    for label, cell in PROGRAM_ROWS.items():
        table.add_row(label, *(cell(program) for program in programs.values()))
    return table


def _outputs(program: dict[str, Any]) -> str:
    return ", ".join(f"{output}[{len(rows)}]" for output, rows in program["outputs"].items())


def _operations(program: dict[str, Any]) -> str:
    counts = Counter(instruction["op"] for instruction in program["instructions"])
    return ", ".join(f"{op}×{count}" for op, count in counts.most_common())


def _multiply_adds(program: dict[str, Any]) -> str:
    return f"{sum(map(multiply_adds, program['instructions'][program['prologue'] :])):,}"


PROGRAM_ROWS: dict[str, Callable[[dict[str, Any]], str]] = {
    "arguments": lambda program: ", ".join(f"{name}[{size}]" for name, size, _ in program["arguments"]),
    "outputs": _outputs,
    "instructions": lambda program: f"{len(program['instructions'])}, {program['prologue']} of them once a plan",
    "operations": _operations,
    "rows": lambda program: f"{sum(len(instruction['out']) for instruction in program['instructions']):,}",
    "multiply-adds (one candidate, step, member)": _multiply_adds,
}


def _tensors_table(header: dict[str, Any]) -> Table:
    table = _table("tensors (first axis: members)", "tensor", "type", "shape", "bytes", numbers=1)
    tests = {name: entry for name, entry in header.items() if name.startswith("test/")}
    for name, entry in sorted(header.items()):
        if name in tests:
            continue
        begin, end = entry["data_offsets"]
        table.add_row(name, entry["dtype"], "×".join(map(str, entry["shape"])), f"{end - begin:,}")
    size = sum(entry["data_offsets"][1] - entry["data_offsets"][0] for entry in tests.values())
    table.add_row(f"test vectors ({len(tests)} tensors)", "", "", f"{size:,}")
    return table
