"""The process of a stage: it runs alone in its folder and ends when DVC ends."""

import fcntl
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from denoiser.base.errors import InputError

CODE = "denoiser", "pipeline", "stages", "training"  # their modules are never missing packages
PARENT = os.getppid()  # read before the slow imports of a stage


def run_stage(name: str, main: Callable[[], None]) -> NoReturn:
    """Runs a stage, whose modules `main` imports, and exits with the status of `run_main`.

    If DVC runs the stage, its inputs are checked first, see `dvc_lock`.
    """
    if by_dvc := "DVC_STAGE" in os.environ:  # DVC sets this variable for its stages
        threading.Thread(target=end_with_parent, daemon=True).start()
    lock_folder(".", "stage")

    def checked() -> None:
        if by_dvc:
            from pipeline.base import dvc_lock  # not above: it imports packages

            dvc_lock.check_inputs(name)
        main()

    status = run_main(checked, name)
    # Without the shutdown of Python, which aborted finished stages while threads of Arrow ran
    # (apache/arrow#34314), and which waits for seconds for threads of TensorFlow after Ctrl-C.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def run_main(main: Callable[[], None], name: str | None = None) -> int:
    """Runs the `main` function of a program and returns the exit status.

    An `InputError`, an `OSError` and a missing package are reported as one line that starts with
    `name`, by default the name of the module; any other exception is reported as a traceback.
    """
    try:
        main()
    except (InputError, OSError, ImportError) as error:
        message = describe_missing(error) if isinstance(error, ImportError) else str(error)
        if message:
            name = name or Path(sys.argv[0]).stem
            print(f"{name}: {' '.join(message.split())}", file=sys.stderr)
        else:
            traceback.print_exc()
    except KeyboardInterrupt:
        return 130
    except Exception:
        traceback.print_exc()
    else:
        return 0
    return 1


def describe_missing(error: ImportError) -> str:
    """The error and the remedy for a missing package, else ''."""
    package = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and package not in CODE:
        return (
            f"{error} in {sys.prefix}: run `make setup`, then activate the environment: "
            ". .venv/bin/activate"
        )
    return ""


def end_with_parent() -> None:
    """Kills this process once DVC, its parent, has ended.

    Otherwise the stage would write its outputs among those of the next `dvc repro`.
    """
    while os.getppid() == PARENT:
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)


def lock_folder(path: str | Path, holder: str) -> None:
    """Locks a folder until this process ends; waits while another process holds the lock.

    `holder` names that process in the message: "waiting for the stage that still runs".
    """
    folder = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for the {holder} that still runs in this folder", flush=True)
        fcntl.flock(folder, fcntl.LOCK_EX)
    except OSError:
        pass  # some network file systems do not support locks
