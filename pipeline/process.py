"""The process of a stage: it runs alone in its folder and ends when DVC ends."""

import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from denoiser.errors import InputError

PARENT = os.getppid()  # read before the slow imports of the stages: stages/__init__.py imports this

# The environment variable with the process ID of the program that started DVC, if any. When that
# program ends, the stage ends as well, and DVC cleans up after the failed stage.
OWNER = "DENOISER_OWNER"


def run_stage(main: Callable[[], None]) -> NoReturn:
    """Runs the `main` function of a stage and exits with the status of `run_main`."""
    if "DVC_STAGE" in os.environ:  # DVC sets this variable for its stages
        threading.Thread(target=end_with_parent, daemon=True).start()
    folder = os.open(".", os.O_RDONLY)
    wait_for_other_stages(folder)
    status = run_main(main)
    # Skip the normal shutdown of Python. It aborted finished stages while threads of Arrow were
    # still running (apache/arrow#34314), and after Ctrl-C during training it waited for seconds
    # for threads of TensorFlow, which may in turn wait for Python.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


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


def end_with_parent() -> None:
    """Kills this process once DVC, or the program that started DVC, has ended.

    Otherwise the stage would write its outputs among those of the next `dvc repro`. DVC is the
    parent process because the commands in dvc.yaml start with `exec`.
    """
    while os.getppid() == PARENT and owner_is_alive():
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)


def owner_is_alive() -> bool:
    """False if the program in the environment variable OWNER has ended, even if not yet reaped."""
    if OWNER not in os.environ:
        return True
    import psutil  # not above: stages/__init__.py must be able to report a missing package

    try:
        return bool(psutil.Process(int(os.environ[OWNER])).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_for_other_stages(folder: int) -> None:
    """Locks the folder until this process ends; waits while another stage holds the lock.

    `folder` is an open file descriptor.
    """
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for the stage that still runs in this folder", flush=True)
        fcntl.flock(folder, fcntl.LOCK_EX)
    except OSError:
        pass  # some network file systems do not support locks
