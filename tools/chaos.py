"""`make chaos`: interrupts runs on digits at random moments and compares their final dvc.lock."""

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

from pipeline.base.errors import InputError, run_main
from tools.command import clone_head
from tools.params_file import set_params
from tools.verify import QUICK_PARAMS

WAYS = ("DVC killed", "stage killed", "both killed", "Ctrl-C")
MAX_DELAY = 30.0  # seconds before an interruption
# DVC rewrites two of its files in place. If it is interrupted meanwhile, its next run ends with
# one of these messages, and the command repairs the file.
REPAIRS = {
    "validation failed": ["git", "restore", "dvc.lock"],
    "JSON structure is corrupted": ["sh", "-c", 'rm "$(dvc root)/.dvc/tmp/rwlock"'],
}

Tally = collections.Counter[str]


def main() -> None:
    total, tally, clones = int(sys.argv[1]), Tally(), 0
    # A shell that starts this program in the background makes it ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        print("running without interruptions", flush=True)
        expected = repro(Path(folder, "uninterrupted"), 0, Tally())
        while (left := total - sum(tally[way] for way in WAYS)) > 0:
            clones += 1
            lock = repro(Path(folder, str(clones)), left, tally)
            print(f"clone {clones}: {dict(tally)}", flush=True)
            if lock != expected:
                lines = difflib.unified_diff(expected.splitlines(), lock.splitlines(), n=0)
                print("\n".join(lines))
                raise InputError("dvc.lock differs from that of the uninterrupted run, see above")
    print(f"{total} interruptions in {clones} clones; all ended with the same dvc.lock")


def repro(folder: Path, max_interruptions: int, tally: Tally) -> str:
    """Repeats `dvc repro` in a new clone until it succeeds; returns the content of dvc.lock."""
    clone = clone_head(folder)
    set_params(clone, **QUICK_PARAMS)
    while True:
        with tempfile.TemporaryFile("w+") as log:
            dvc = subprocess.Popen(
                ["dvc", "repro"], cwd=clone, stdout=log, stderr=log, start_new_session=True
            )
            way, interrupted = random.choice(WAYS), False
            if max_interruptions:
                time.sleep(random.uniform(0, MAX_DELAY))
                interrupted = interrupt(dvc, way)
            if dvc.wait() == 0:
                return (clone / "dvc.lock").read_text()
            log.seek(0)
            text = log.read()
        if interrupted:
            tally[way] += 1
            max_interruptions -= 1
            continue
        for message, command in REPAIRS.items():
            if message in text:
                tally["file of DVC repaired"] += 1
                subprocess.run(command, cwd=clone, check=True)
                break
        else:
            raise InputError(f"dvc repro failed without an interruption: {text}")


def interrupt(dvc: subprocess.Popen[Any], way: str) -> bool:
    """Interrupts DVC, its stage or both in one of WAYS; False if there was nothing to interrupt."""
    try:
        parent = psutil.Process(dvc.pid)
        stages = parent.children(recursive=True)
        if dvc.poll() is not None or (way == "stage killed" and not stages):
            return False
        targets = {"DVC killed": [parent], "stage killed": stages}.get(way, [parent, *stages])
        for process in targets:
            process.send_signal(signal.SIGINT if way == "Ctrl-C" else signal.SIGKILL)
    except psutil.NoSuchProcess:
        return False
    return True


if __name__ == "__main__":
    sys.exit(run_main(main))
