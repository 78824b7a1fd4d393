"""`dvc`, for a process that starts it: where that one is gone, the stage is ended, and so DVC.

DVC then cleans up. Killed itself, it would leave a folder, and a run that seems to go on.
"""

import contextlib
import os
import sys
import threading
import time

import psutil

from stages import PARENT


def main() -> None:
    threading.Thread(target=end_with_parent, daemon=True).start()
    import dvc.cli

    sys.exit(dvc.cli.main(sys.argv[1:]))


def end_with_parent() -> None:
    """Waits until this process's parent is gone; then no stage goes on."""
    while os.getppid() == PARENT:
        time.sleep(0.1)
    while True:
        end_stage(psutil.Process())
        time.sleep(0.1)


def stage_of(dvc: psutil.Process, name: str = "") -> psutil.Process | None:
    """The stage that DVC runs now, if it is one of this name."""
    try:
        for child in dvc.children():
            if f"stages.{name}" in " ".join(child.cmdline()):
                return child
    except psutil.NoSuchProcess:
        pass
    return None


def end_stage(dvc: psutil.Process) -> None:
    """Has DVC's run fail, if it is at a stage."""
    if (stage := stage_of(dvc)) is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            stage.kill()


if __name__ == "__main__":
    main()
