"""`python -m mbrl_fast`, the same as the command `mbrl-fast`."""

import sys

from mbrl_fast.cli import main

sys.exit(main())
