"""How a stage runs: alone in its folder, and no longer than the DVC that started it."""

import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from stages import PARENT, errors


def run(main: Callable[[], None]) -> NoReturn:
    """Runs a stage's `main` and ends the process, with the exit status of `errors.run`."""
    if "DVC_STAGE" in os.environ:  # DVC sets it for what it starts
        threading.Thread(target=end_with_parent, daemon=True).start()
    folder = os.open(".", os.O_RDONLY)
    wait_for_others(folder)
    keep_freed_memory()
    status = errors.run(main)
    # Python does not take itself down here: that has aborted stages that had done their work,
    # where Arrow's threads had not ended yet (apache/arrow#34314), and after a Ctrl-C in training
    # it waits for seconds for TensorFlow's threads, which may be waiting for Python.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


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


def keep_freed_memory() -> None:
    """Has glibc keep up to 100 MB of freed memory at hand, large arrays' too.

    By default it gives it back to the system, which has to clear it for the next block of rows:
    parsing a CSV takes twice the time (benchmarks/README.md).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's own; nobody else has it
    if mallopt is not None:
        m_top_pad, m_mmap_threshold = -2, -3
        mallopt(m_top_pad, 100 << 20)
        mallopt(m_mmap_threshold, 32 << 20)  # the most that it takes
