"""Interrupted and concurrent runs of `dvc repro` and full disks leave no partial outputs."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from denoiser.base.errors import InputError
from stages import evaluate, fetch, plot, split
from tests.conftest import ROOT, Clone, error_line, max_file_size, one_core, run_stage, wait_for
from tools.measurements import processor

Popen = subprocess.Popen[str]


@pytest.fixture(autouse=True)
def ctrl_c() -> None:
    """If the tests run in the background, Ctrl-C is ignored, also by the processes they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupt(dvc: Popen) -> None:
    """Interrupts DVC and its stage, as Ctrl-C in a terminal does."""
    parent = psutil.Process(dvc.pid)
    for process in (parent, *parent.children(recursive=True)):
        process.send_signal(signal.SIGINT)


def finish(dvc: Popen, fails: bool = False) -> str:
    """Waits for the end of a run and returns its remaining output."""
    output, _ = dvc.communicate()  # also waits for the stage, which has the same pipe
    assert (dvc.returncode != 0) == fails, output
    return output


# They limit the libraries to AVX2; the stages limit oneDNN and OpenBLAS themselves. Without these
# limits, the result on a processor with AVX-512 would differ from that of `digits`.
AVX2 = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Zen",
}


@pytest.mark.slow
def test_an_interrupted_run_elsewhere_ends_with_the_same_result(
    digits: Clone, tmp_path: Path
) -> None:
    """With another path and settings of the user, without AVX-512, and at last on one core."""
    clone = Clone.of_workspace(tmp_path / "a folder", **digits.read_params())
    clone.env |= {"HOME": str(tmp_path), "TZ": "Asia/Kathmandu", "LC_ALL": "C", "SHELL": "/bin/sh"}
    # A notebook passes MPLBACKEND on to the programs that it starts.
    clone.env |= {"MPLBACKEND": "module://gone", "MATPLOTLIBRC": str(tmp_path)}
    (tmp_path / "matplotlibrc").write_text("figure.facecolor: red\n")
    clone.env |= {"PYTHONSAFEPATH": "1"} | (AVX2 if "AVX-512" in processor() else {})
    checkpoint = clone.folder / "models/checkpoint.npz"

    def interrupted(how: Callable[[Popen], None]) -> str:
        """The output of a run that is interrupted after the first epoch."""
        dvc = clone.start("dvc", "repro")
        output = wait_for(dvc, "epoch ")
        how(dvc)
        output += finish(dvc, fails=True)
        assert checkpoint.exists()  # training was not finished
        return output

    clone.set_params(train={"learning_rate": 0.002})
    interrupted(Popen.kill)  # DVC alone: its stage ends, too
    clone.set_params(train=digits.read_params()["train"])
    assert "resuming after epoch" not in interrupted(interrupt)  # with the other learning rate
    with one_core():
        last = clone.start("dvc", "repro")
    assert "resuming after epoch" in wait_for(last, "epoch ")
    concurrent = finish(clone.start("dvc", "repro"), fails=True)
    assert "Running stage" not in concurrent
    finish(last)
    assert clone.read_lock() == digits.read_lock()
    assert not checkpoint.exists()
    assert not list(clone.folder.glob("[!.]*/**/.tmp-*"))


@pytest.mark.slow
def test_ctrl_c_does_not_wait_for_the_end_of_an_epoch(digits: Clone, tmp_path: Path) -> None:
    clone = Clone.with_cache_of(tmp_path, digits)
    # An epoch takes minutes on any processor.
    clone.set_params(model={"kind": "unet", "filters": [256, 512]})
    dvc = clone.start("dvc", "repro", "train")
    wait_for(dvc, "training on")
    (stage,) = psutil.Process(dvc.pid).children()
    start = stage.cpu_times().user
    while stage.cpu_times().user < start + 5:  # until the compiled function runs
        time.sleep(0.1)
    interrupt(dvc)
    assert "epoch" not in finish(dvc, fails=True)


@pytest.mark.parametrize("module", ["stages check", "tools.experiment small", "tools.seeds small"])
def test_stages_and_experiments_wait_for_their_kind(workspace: Path, module: str) -> None:
    Path("presets").mkdir()
    shutil.copy(ROOT / "presets/small.yaml", "presets")
    path, holder = (".", "stage") if module == "stages check" else ("presets", "experiment")
    folder = os.open(path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    command = [sys.executable, "-m", *module.split()]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert wait_for(process, f"waiting for the {holder}").count("\n") == 1  # its first line
        assert not Path("data").exists()
        os.close(folder)
        assert (process.wait() == 0) == (holder == "stage")  # no experiment without a repository
    assert Path("data/checked").exists() == (holder == "stage")


def test_a_full_disk_is_one_line_and_changes_no_output(digits: Clone, workspace: Path) -> None:
    for name in ("data", "models", "metrics"):
        shutil.copytree(digits.folder / name, name)
    shutil.copy(digits.folder / "params.yaml", ".")

    def outputs() -> dict[Path, int]:
        paths = [*Path("data").rglob("*"), *Path("models").rglob("*")]
        return {path: path.stat().st_ino for path in paths}

    before = outputs()
    for stage, path in (("train", "models/checkpoint.npz"), ("export", "models/denoiser.onnx")):
        with max_file_size(100_000):
            done = run_stage(stage)
        assert error_line(done).startswith(f"{stage}: {path} cannot be written: ")
    for main, size, path in (
        (fetch.main, 100_000, "data/raw/train.csv"),
        (split.main, 100_000, "data/split"),
        (evaluate.main, 10_000, "data/scores"),
        (plot.main, 10_000, "metrics/plots"),
    ):
        with max_file_size(size), pytest.raises(InputError, match=f"^{path} cannot be written: "):
            main()
    assert outputs() == before
