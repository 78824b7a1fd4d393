"""How a stage runs: alone in its folder, and no longer than the DVC that started it."""

import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from stages import PARENT, errors


def run(main: Callable[[], None]) -> None:
    """Runs a stage's `main`; ends as `errors.run` does."""
    if "DVC_STAGE" in os.environ:  # DVC sets it for what it starts
        threading.Thread(target=end_with_parent, daemon=True).start()
    folder = os.open(".", os.O_RDONLY)
    wait_for_others(folder)
    errors.run(main)
    # All is written. Arrow's threads, which may not have ended yet, have aborted Python as it
    # was taking itself down (apache/arrow#34314), and a stage that had done its work failed.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def end_with_parent() -> None:
    """Ends this process when its DVC is gone.

    It would run on otherwise, and put its outputs among those of the next `dvc repro`. DVC is
    the parent because dvc.yaml has the shell `exec` the stage.
    """
    while os.getppid() == PARENT:
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_others(folder: int) -> None:
    """Waits until no other stage runs in this folder; keeps others waiting until this one ends."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for the stage that still runs in this folder", flush=True)
        fcntl.flock(folder, fcntl.LOCK_EX)
    except OSError:
        pass  # some network file systems lock no folders
