"""Real kills of the real `dvc repro`, runs beside each other, full disks: nothing half-written."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import (
    ROOT,
    SHORT,
    Clone,
    no_larger_file_than,
    one_core,
    refused,
    run_stage,
)
from tools import chaos

Repro = subprocess.Popen[str]


def start(clone: Clone) -> Repro:
    """Starts `dvc repro` as the leader of a process group of its own."""
    # Where these tests run in the background, Ctrl-C is ignored, and would be by what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return clone.start("dvc", "repro")


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


def test_cut_off_again_and_again_it_ends_as_undisturbed(digits: Clone, tmp_path: Path) -> None:
    """On one core, in another folder, home, time zone and locale, through another shell, too."""
    (tmp_path / "home").mkdir()
    clone = Clone.of_workspace(tmp_path / "a folder")
    clone.env |= {"HOME": str(tmp_path / "home"), "TZ": "Asia/Kathmandu", "LC_ALL": "C"}
    clone.env["SHELL"] = "/bin/sh"  # where it is Debian's, it stays as a process of its own
    checkpoint = clone.folder / "models/checkpoint.npz"

    def cut_off(way: str) -> str:
        with one_core():
            dvc = start(clone)
        printed = wait_for_epochs(dvc, 1)
        assert chaos.cut_off(dvc, way)
        rest, _ = dvc.communicate()  # returns when the stage, too, has closed its end of the pipe
        assert dvc.returncode != 0
        assert checkpoint.exists()  # a stage that had run on to its end would have removed it
        return printed + rest

    clone.set_params(fetch={"source": "digits"}, train={**SHORT, "learning_rate": 0.002})
    with no_larger_file_than(1_000_000):
        full = start(clone)
    assert "fetch: data/raw cannot be written: file too large" in full.communicate()[0]
    assert full.returncode != 0
    cut_off("stage killed")
    clone.set_params(train={"learning_rate": 0.001})
    assert "going on" not in cut_off("DVC killed")  # what was learnt at another rate is of no use
    assert re.search(r"going on after epoch \d+, where", cut_off("Ctrl-C"))

    with one_core():
        last = start(clone)
    assert re.search(r"going on after epoch \d+, where", wait_for_epochs(last, 1))
    beside = subprocess.run(["dvc", "repro"], cwd=clone.folder, env=clone.env, capture_output=True)
    assert beside.returncode != 0
    assert b"is busy, it is being blocked by" in beside.stderr
    rest, _ = last.communicate()
    assert last.returncode == 0, rest
    assert (clone.folder / "dvc.lock").read_text() == digits.lock
    assert not checkpoint.exists()
    assert not list(clone.folder.glob("[!.]*/**/.tmp-*"))


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


@pytest.mark.parametrize(
    ("stage", "room", "path"),
    [
        ("check", 0, "data/checked"),
        ("fetch", 100_000, "data/raw"),
        ("load", 100_000, "data/images"),
        ("split", 0, "data/split"),
        ("split", 100_000, "data/split"),
        ("noise", 100_000, "data/noisy"),
        ("train", 100_000, "models/checkpoint.npz"),
        ("predict", 100_000, "data/denoised"),
        ("evaluate", 0, "data/scores"),
        ("plot", 10_000, "metrics/plots"),
    ],
)
def test_a_full_disk_is_one_line_and_nothing_half_written(
    digits: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, room: int, path: str
) -> None:
    for name in ("data", "models", "metrics"):
        shutil.copytree(digits.folder / name, tmp_path / name)
    shutil.copy(digits.folder / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)

    def found() -> dict[Path, int]:
        outputs = [each for name in ("data", "models") for each in (tmp_path / name).rglob("*")]
        return {each: each.stat().st_ino for each in outputs}

    before = found()
    with no_larger_file_than(room):
        done = run_stage(stage)
    message = refused(done)
    assert message.startswith(f"{stage}: {path} cannot be written: file too large; free some space")
    assert found() == before
