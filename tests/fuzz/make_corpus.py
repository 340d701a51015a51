"""Writes the corpus: the valid files and every malformed one of tests/problem/malformed.py. Run it after changing those.

python tests/fuzz/make_corpus.py
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "problem"))

from malformed import malformed  # noqa: E402
from problem_file import everything, line, variant  # noqa: E402


def corpus() -> dict[str, bytes]:
    """File name -> bytes."""
    files = {
        "valid everything": everything().bytes(),
        "valid line": line().bytes(),
        "valid variant": variant().bytes(),
        **malformed(),
    }
    return {name.replace(" ", "_"): data for name, data in files.items()}


def main() -> None:
    folder = HERE / "corpus"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, data in corpus().items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
