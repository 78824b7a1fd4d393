"""Real kills of the real `dvc repro`, and runs beside each other: the same lock in the end."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT, Clone

Repro = subprocess.Popen[str]


def small(folder: Path) -> Clone:
    """A clone set to a run on the digits that is long enough to be killed in."""
    clone = Clone(folder)
    clone.set_params(fetch={"source": "digits"}, train={"epochs": 12, "patience": None})
    clone.run("git", "commit", "-qam", "digits")
    return clone


def start(clone: Clone) -> Repro:
    """Starts `dvc repro`, as the leader of a process group of its own."""
    return subprocess.Popen(
        ["dvc", "repro"],
        cwd=clone.folder,
        env=clone.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for_epochs(repro: Repro, count: int) -> str:
    """Waits until training has finished this many epochs more; what was printed until then."""
    printed = ""
    assert repro.stdout is not None
    for line in repro.stdout:
        printed += line
        count -= line.startswith("epoch ")
        if not count:
            return printed
    raise AssertionError(printed)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which nothing was killed, though a second `dvc repro` tried to join in."""
    clone = small(tmp_path_factory.mktemp("undisturbed"))
    first = start(clone)
    wait_for_epochs(first, 1)
    second = subprocess.run(
        ["dvc", "repro"], cwd=clone.folder, env=clone.env, capture_output=True, text=True
    )
    clone.output = second.stderr
    rest, _ = first.communicate()
    assert first.returncode == 0, rest
    assert second.returncode != 0
    return clone


def test_a_second_repro_beside_the_first_says_so(undisturbed: Clone) -> None:
    assert "is busy, it is being blocked by" in undisturbed.output
    assert "Data and pipelines are up to date." in undisturbed.run("dvc", "status")


def kill_dvc(dvc: Repro) -> None:
    dvc.kill()


def kill_stage(dvc: Repro) -> None:
    for child in psutil.Process(dvc.pid).children(recursive=True):
        child.kill()


def kill_both(dvc: Repro) -> None:
    os.killpg(dvc.pid, signal.SIGKILL)


def press_ctrl_c(dvc: Repro) -> None:
    os.killpg(dvc.pid, signal.SIGINT)


def test_killed_again_and_again_it_ends_as_undisturbed(undisturbed: Clone, tmp_path: Path) -> None:
    clone = small(tmp_path)
    checkpoint = tmp_path / "models/checkpoint.npz"

    def disturb(how: Callable[[Repro], None]) -> str:
        dvc = start(clone)
        printed = wait_for_epochs(dvc, 2)
        how(dvc)
        killed = time.monotonic()
        rest, _ = dvc.communicate()  # until the stage, too, has closed its end of the pipe
        assert time.monotonic() - killed < 10
        assert dvc.returncode != 0
        assert checkpoint.exists()
        return printed + rest

    clone.set_params(train={"learning_rate": 0.002})
    disturb(kill_both)
    clone.set_params(train={"learning_rate": 0.001})
    assert "going on" not in disturb(kill_dvc)  # what was learnt at another rate is of no use
    for how in (kill_stage, press_ctrl_c):
        assert re.search(r"going on after epoch [2-9], where", disturb(how))
    assert "going on after epoch" in clone.run("dvc", "repro")
    assert not checkpoint.exists()
    assert not list(tmp_path.glob("[!.]*/**/.tmp-*"))
    expected = (undisturbed.folder / "dvc.lock").read_text()
    assert (tmp_path / "dvc.lock").read_text() == expected


def test_two_queued_experiments_at_once(undisturbed: Clone, tmp_path: Path) -> None:
    clone = small(tmp_path)
    changes = {"same": "train.epochs=12", "other": "noise.amount=0.5"}
    for name, change in changes.items():
        clone.run("dvc", "exp", "run", "--queue", "-n", name, "-S", change)
    clone.run("dvc", "queue", "start", "--jobs", "2")
    try:
        for _ in range(300):
            status = clone.run("dvc", "queue", "status")
            if not re.search("Queued|Running", status):
                break
            time.sleep(1)
    finally:
        clone.run("dvc", "queue", "stop", "--kill")
    assert status.count("Success") == 2, status

    def lock(name: str) -> str:
        reference = clone.run("git", "for-each-ref", "--format=%(refname)", f"refs/exps/**/{name}")
        return clone.run("git", "show", f"{reference.strip()}:dvc.lock")

    assert lock("same") == (undisturbed.folder / "dvc.lock").read_text()
    assert lock("other") != lock("same")
    assert clone.run("git", "status", "--short") == ""  # and the workspace is as it was


def test_a_stage_waits_for_another_in_its_folder(workspace: Path) -> None:
    folder = os.open(workspace, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    stage = subprocess.Popen(
        [sys.executable, "-m", "stages.check"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert stage.stdout is not None
    assert stage.stdout.readline() == "waiting for the stage that still runs in this folder\n"
    assert not (workspace / "data").exists()
    os.close(folder)
    assert stage.wait() == 0
    assert (workspace / "data/checked").exists()
