"""Error reporting: one line on standard error and exit status 1."""

import sys
from collections.abc import Callable
from pathlib import Path


class InputError(Exception):
    """An error that the user can fix. Its message names the error, its place and the remedy."""


def run_main(main: Callable[[], None]) -> int:
    """Runs the `main` function of a program and returns the exit status.

    An `InputError` or `OSError` is reported as one line, any other exception by `sys.excepthook`.
    """
    try:
        main()
    except (InputError, OSError) as error:
        print(f"{Path(sys.argv[0]).stem}: {' '.join(str(error).split())}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except Exception:
        sys.excepthook(*sys.exc_info())
    else:
        return 0
    return 1
