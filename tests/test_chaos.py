"""Runs of `dvc repro` that are interrupted at random moments end with the same dvc.lock."""

import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import Clone

WAYS = ("DVC killed", "stage killed", "both killed", "Ctrl-C")
MAX_DELAY = 15.0  # seconds before an interruption
# DVC rewrites two of its files in place. If it is interrupted meanwhile, its next run ends with
# one of these messages, and the command repairs the file.
REPAIRS = {
    "validation failed": "git restore dvc.lock",
    "JSON structure is corrupted": "rm .dvc/tmp/rwlock",
}


def interrupt(dvc: subprocess.Popen[str], way: str) -> bool:
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


@pytest.mark.slow
def test_random_interruptions_do_not_change_the_result(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path, **digits.read_params())
    # If the tests run in the background, Ctrl-C is ignored, also by the processes they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ways, history = list(WAYS), []
    while True:
        dvc = clone.start("dvc", "repro")
        interrupted = False
        if ways:
            time.sleep(delay := random.uniform(0, MAX_DELAY))
            interrupted = interrupt(dvc, ways[0])
            history.append((ways[0], delay, interrupted))
        output, _ = dvc.communicate()  # also waits for the stage, which has the same pipe
        if dvc.returncode == 0:
            break
        if interrupted:
            ways.pop(0)
            continue
        repairs = [command for message, command in REPAIRS.items() if message in output]
        assert repairs, output
        clone.run(*repairs[0].split())
    assert (clone.folder / "dvc.lock").read_text() == digits.lock, history
