"""The stages of dvc.yaml. A missing package or module is reported in one line."""

import sys
from pathlib import Path
from types import TracebackType

from pipeline.base import process  # noqa: F401  (first of all, see PARENT)


def excepthook(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Prints a message for a missing package or untracked module, else the traceback."""
    stage = Path(sys.argv[0]).stem
    name = (isinstance(error, ImportError) and error.name) or ""
    # `from package import module` names the package, which exists.
    missing = isinstance(error, ModuleNotFoundError) or hasattr(sys.modules.get(name), "__path__")
    in_project = name.partition(".")[0] in {"denoiser", "pipeline", "stages", "training"}
    if missing and not in_project:
        print(
            f"{stage}: {error} in {sys.prefix}: run `make setup`, then activate the environment: "
            ". .venv/bin/activate",
            file=sys.stderr,
        )
    elif missing and ".dvc" in Path.cwd().parts:
        print(
            f"{stage}: {error}. Experiments with --temp or --queue contain only files that Git "
            "tracks: run `git add` for the new module",
            file=sys.stderr,
        )
    else:
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = excepthook
