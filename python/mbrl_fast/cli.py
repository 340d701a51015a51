"""The command line `mbrl-fast`: what surrounds the commands. The commands themselves are in `commands`.

Exit codes: 0 it worked, 1 a check failed, 2 it was asked for something that cannot be. Failures are explained by one
sentence on stderr without a traceback, as this package's ValueError, OSError and ImportError are such sentences;
`python -X dev -m mbrl_fast …` adds the traceback. Results go to stdout, progress to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

OK, CHECK_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class CheckFailed(Exception):
    """A check that the user asked for did not pass; the message says which."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: as after the program's name; those of the process by default.

    Returns:
        The exit code.
    """
    try:
        import tyro  # noqa: F401
    except ImportError:
        return _complain('the command line needs tyro and rich: pip install "mbrl-fast[cli]"', USAGE)
    from mbrl_fast.commands import parse

    try:
        parse(sys.argv[1:] if arguments is None else arguments).run()
    except SystemExit as stop:  # tyro has printed its help or its complaint
        return stop.code if isinstance(stop.code, int) else USAGE
    except CheckFailed as error:
        return _complain(str(error), CHECK_FAILED)
    except KeyboardInterrupt:
        return _complain("interrupted; nothing was left half written", INTERRUPTED)
    except BrokenPipeError:  # whoever reads us had enough, as in `| head`
        sys.stderr.close()
        return OK
    except (ValueError, ImportError) as error:
        return _complain(str(error), USAGE)
    except OSError as error:
        return _complain(f"{error.strerror}: {error.filename}" if error.strerror else str(error), USAGE)
    return OK


def _complain(sentence: str, code: int) -> int:
    print(f"mbrl-fast: {sentence}", file=sys.stderr)
    if sys.flags.dev_mode and sys.exc_info()[0] is not None:
        import traceback

        traceback.print_exc()
    return code
