"""The stages of dvc.yaml. A module that cannot be imported is reported in one line."""

import sys
from pathlib import Path
from types import TracebackType

PROJECT = {"denoiser", "pipeline", "stages"}


def excepthook(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Prints a message for a missing package or untracked module, else the traceback."""
    stage = Path(sys.argv[0]).stem
    package = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and package not in PROJECT:
        print(
            f"{stage}: {error} in {sys.prefix}: activate the environment of the project, which "
            "`make setup` creates: . .venv/bin/activate",
            file=sys.stderr,
        )
    elif isinstance(error, ImportError) and package in PROJECT and ".dvc" in Path.cwd().parts:
        print(
            f"{stage}: {error}. Experiments with --temp or --queue contain only files that Git "
            "tracks: run `git add` for the new module",
            file=sys.stderr,
        )
    else:
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = excepthook
