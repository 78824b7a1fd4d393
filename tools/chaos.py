"""`make chaos`: cuts runs on digits off at random moments; each must end as one that was let be."""

import collections
import difflib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from stages.errors import StageError, run
from tools.params_file import set_params
from tools.verify import QUICK_PARAMS

WAYS = ("DVC killed", "stage killed", "both killed", "Ctrl-C")
LONGEST = 30.0  # seconds until a run is cut off
# DVC writes two files of its own in place. Where that is cut off, it says so, and this mends it.
MENDS = {
    "validation failed": ["git", "restore", "dvc.lock"],
    "JSON structure is corrupted": ["rm", ".dvc/tmp/rwlock"],
}

Tally = collections.Counter[str]


def main() -> None:
    wanted, tally, clones = int(sys.argv[1]), Tally(), 0
    # A shell that starts this in the background has it, and all that it starts, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        print("a run that is let be", flush=True)
        expected = repro(Path(folder, "let be"), 0, Tally())
        while (left := wanted - sum(tally[way] for way in WAYS)) > 0:
            clones += 1
            found = repro(Path(folder, str(clones)), left, tally)
            print(f"clone {clones}: {dict(tally)}", flush=True)
            if found != expected:
                lines = difflib.unified_diff(expected.splitlines(), found.splitlines(), n=0)
                print("\n".join(lines))
                raise StageError("its lock is not that of the run that was let be, see above")
    print(f"cut off {wanted} times in {clones} clones, and each ended with the same dvc.lock")


def repro(clone: Path, most: int, tally: Tally) -> str:
    """Runs `dvc repro` in a new clone until it ends; cut off at most so often. Its dvc.lock."""
    subprocess.run(["git", "clone", "--quiet", ".", clone], check=True)
    set_params(clone, **QUICK_PARAMS)
    while True:
        with tempfile.TemporaryFile("w+") as printed:
            dvc = subprocess.Popen(
                ["dvc", "repro"], cwd=clone, stdout=printed, stderr=printed, start_new_session=True
            )
            way, was_cut_off = random.choice(WAYS), False
            if most:
                time.sleep(random.uniform(0, LONGEST))
                was_cut_off = cut_off(dvc, way)
            if dvc.wait() == 0:
                return (clone / "dvc.lock").read_text()
            printed.seek(0)
            text = printed.read()
        if was_cut_off:
            tally[way] += 1
            most -= 1
            continue
        for message, command in MENDS.items():
            if message in text:
                tally["DVC's own file mended"] += 1
                subprocess.run(command, cwd=clone, check=True)
                break
        else:
            raise StageError(f"dvc repro failed, though it was let be: {text}")


def cut_off(dvc: subprocess.Popen[Any], way: str) -> bool:
    """Cuts off DVC, its stage or both, in one of WAYS; whether there was something to cut off."""
    try:
        parent = psutil.Process(dvc.pid)
        stage = parent.children(recursive=True)
        if dvc.poll() is not None or (way == "stage killed" and not stage):
            return False
        for process in {"DVC killed": [parent], "stage killed": stage}.get(way, [parent, *stage]):
            process.send_signal(signal.SIGINT if way == "Ctrl-C" else signal.SIGKILL)
    except psutil.NoSuchProcess:
        return False
    return True


if __name__ == "__main__":
    sys.exit(run(main))
