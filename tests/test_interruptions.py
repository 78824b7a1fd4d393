"""Killed runs of `dvc repro`, concurrent runs and full disks leave no partial outputs."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import process
from tests.conftest import ROOT, Clone, error_line, max_file_size, one_core, run_stage
from tests.test_chaos import interrupt

Popen = subprocess.Popen[str]

RESUMED = r"resuming after epoch \d+"


class Interrupted:
    """A clone with other paths, locale and shell, in which `dvc repro` is interrupted repeatedly.

    The last run uses one core. `output` has the output of each run.
    """

    def __init__(self, digits: Clone, folder: Path) -> None:
        (folder / "home").mkdir()
        params = digits.read_params()
        self.clone = Clone.of_workspace(folder / "a folder", **params)
        self.clone.env |= {"HOME": str(folder / "home"), "TZ": "Asia/Kathmandu", "LC_ALL": "C"}
        self.clone.env["SHELL"] = "/bin/sh"
        self.checkpoint = self.clone.folder / "models/checkpoint.npz"
        # If the tests run in the background, Ctrl-C is ignored, also by the processes they start.
        signal.signal(signal.SIGINT, signal.default_int_handler)

        self.clone.set_params(train={"learning_rate": 0.002})
        with max_file_size(1_000_000):
            self.output = {"full disk": self.finish(self.clone.start("dvc", "repro"), fails=True)}
        self.interrupt("stage killed")
        self.clone.set_params(train={"learning_rate": params["train"]["learning_rate"]})
        self.interrupt("DVC killed")
        self.interrupt("Ctrl-C")
        with one_core():
            last = self.clone.start("dvc", "repro")
        output = wait_for_epoch(last)
        self.output["concurrent"] = self.finish(self.clone.start("dvc", "repro"), fails=True)
        self.output["last"] = output + self.finish(last)

    def interrupt(self, way: str) -> None:
        """Starts `dvc repro` and interrupts it after the first epoch."""
        dvc = self.clone.start("dvc", "repro")
        output = wait_for_epoch(dvc)
        assert interrupt(dvc, way)
        self.output[way] = output + self.finish(dvc, fails=True)
        assert self.checkpoint.exists()  # training was not finished

    def finish(self, dvc: Popen, fails: bool = False) -> str:
        """Waits for the end of a run and returns its remaining output."""
        output, _ = dvc.communicate()  # also waits for the stage, which has the same pipe
        assert (dvc.returncode != 0) == fails, output
        return output


def wait_for_epoch(dvc: Popen) -> str:
    """Waits for the end of an epoch and returns the output until then."""
    output = ""
    assert dvc.stdout is not None
    for line in dvc.stdout:
        output += line
        if line.startswith("epoch "):
            return output
    raise AssertionError(output)


@pytest.fixture(scope="module")
def interrupted(digits: Clone, tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    return Interrupted(digits, tmp_path_factory.mktemp("interrupted"))


@pytest.mark.slow
def test_a_full_disk_is_reported_by_dvc_repro(interrupted: Interrupted) -> None:
    assert "fetch: data/raw/train.csv cannot be written" in interrupted.output["full disk"]


@pytest.mark.slow
def test_a_checkpoint_with_other_parameters_is_not_used(interrupted: Interrupted) -> None:
    assert "epoch   1/" in interrupted.output["DVC killed"]
    assert not re.search(RESUMED, interrupted.output["DVC killed"])


@pytest.mark.slow
@pytest.mark.parametrize("run", ["Ctrl-C", "last"])
def test_training_resumes_after_an_interruption(interrupted: Interrupted, run: str) -> None:
    assert re.search(RESUMED, interrupted.output[run])


@pytest.mark.slow
def test_a_concurrent_dvc_repro_fails(interrupted: Interrupted) -> None:
    assert "Running stage" not in interrupted.output["concurrent"]


@pytest.mark.slow
def test_the_result_is_that_of_an_uninterrupted_run(
    interrupted: Interrupted, digits: Clone
) -> None:
    assert (interrupted.clone.folder / "dvc.lock").read_text() == digits.lock


@pytest.mark.slow
def test_no_temporary_files_remain(interrupted: Interrupted) -> None:
    assert not interrupted.checkpoint.exists()
    assert not list(interrupted.clone.folder.glob("[!.]*/**/.tmp-*"))


@pytest.fixture
def waiting(workspace: Path) -> Iterator[tuple[Popen, Popen, int]]:
    """A stage that waits for the lock of its folder, its owner, and the lock's file descriptor."""
    folder = os.open(workspace, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    owner = subprocess.Popen(["sleep", "600"], text=True)
    stage = subprocess.Popen(
        [sys.executable, "-m", "stages.check"],
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "DVC_STAGE": "check", process.OWNER: str(owner.pid)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert stage.stdout is not None
    assert stage.stdout.readline().startswith("waiting for the stage")
    yield stage, owner, folder
    for started in (stage, owner):
        started.kill()
        started.communicate()
    os.close(folder)


def test_a_stage_waits_for_another_in_its_folder(waiting: tuple[Popen, Popen, int]) -> None:
    stage, _, folder = waiting
    assert not Path("data").exists()
    fcntl.flock(folder, fcntl.LOCK_UN)
    assert stage.wait() == 0
    assert Path("data/checked").exists()


def test_a_stage_ends_with_its_owner(waiting: tuple[Popen, Popen, int]) -> None:
    stage, owner, _ = waiting
    assert stage.poll() is None
    owner.kill()
    assert stage.wait() == -signal.SIGKILL
    assert not Path("data").exists()


@pytest.mark.parametrize(
    ("stage", "size", "path"),
    [
        ("fetch", 100_000, "data/raw/train.csv"),
        ("split", 100_000, "data/split"),
        ("train", 100_000, "models/checkpoint.npz"),
        ("evaluate", 0, "data/scores"),
        ("plot", 10_000, "metrics/plots"),
    ],
)
def test_a_full_disk_is_one_line_and_leaves_the_outputs_unchanged(
    digits: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, size: int, path: str
) -> None:
    for name in ("data", "models", "metrics"):
        shutil.copytree(digits.folder / name, tmp_path / name)
    shutil.copy(digits.folder / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)

    def outputs() -> dict[Path, int]:
        paths = [*Path("data").rglob("*"), *Path("models").rglob("*")]
        return {path: path.stat().st_ino for path in paths}

    before = outputs()
    with max_file_size(size):
        done = run_stage(stage)
    assert error_line(done).startswith(f"{stage}: {path} cannot be written: ")
    assert outputs() == before
