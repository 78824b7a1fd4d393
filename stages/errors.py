"""How a stage ends: well, or with one line on standard error and exit status 1."""

import sys
from collections.abc import Callable
from pathlib import Path


class StageError(Exception):
    """What is wrong, where, and what to do about it, in one line."""


def run(main: Callable[[], None]) -> None:
    """Runs a stage's `main`: what a person can mend becomes one line; bugs keep their traceback."""
    try:
        main()
    except (StageError, OSError) as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit(130)
