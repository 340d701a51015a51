"""`python -m mbrl_fast`, the same as the command `mbrl-fast`; `--cmakedir` prints the folder for find_package(mbrl_fast)."""

import sys
from pathlib import Path


def print_cmake_folder() -> int:
    """Where this package's CMake files lie: `cmake -Dmbrl_fast_DIR=$(python -m mbrl_fast --cmakedir) …`. The exit code."""
    from mbrl_fast import _core

    folder = Path(_core.__file__).parent / "lib" / "cmake" / "mbrl_fast"  # beside the module, also when installed as editable
    if not folder.is_dir():
        print("mbrl-fast: this build of mbrl_fast came without its C++ library: install the package with pip", file=sys.stderr)
        return 2
    print(folder)
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--cmakedir"]:
        sys.exit(print_cmake_folder())
    from mbrl_fast.cli import main

    sys.exit(main())
