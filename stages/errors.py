"""How a stage or a tool ends: well, or with one line on standard error and exit status 1."""

import sys
import traceback
from collections.abc import Callable
from pathlib import Path


class StageError(Exception):
    """What is wrong, where, and what to do about it, in one line."""


def run(main: Callable[[], None]) -> int:
    """Runs a program's `main`; returns its exit status.

    What a person can mend becomes one line; bugs keep their traceback.
    """
    try:
        main()
    except (StageError, OSError) as error:
        print(f"{Path(sys.argv[0]).stem}: {' '.join(str(error).split())}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except Exception:
        traceback.print_exc()
    else:
        return 0
    return 1
