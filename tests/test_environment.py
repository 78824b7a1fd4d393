"""Runs without tracked files, without the environment and on other processors."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Clone, offline, write_csv
from training.base import backend


@pytest.mark.slow
def test_missing_packages_untracked_files_and_null_paths_are_reported(tmp_path: Path) -> None:
    folder = tmp_path / ".dvc/clone"  # like that of an experiment with --temp
    folder.parent.mkdir()
    clone = Clone.of_workspace(folder)
    venv, tools = offline(tmp_path / "home")["PATH"].split(":")
    clone.run(f"{venv}/dvc", "repro", "check", env={"PATH": tools})  # not activated
    clone.run("python", "-m", "venv", "--without-pip", str(tmp_path / "empty"))
    output = clone.fail(str(tmp_path / "empty/bin/python"), "-m", "stages", "check")
    assert output.startswith("check: No module named '")
    assert ". .venv/bin/activate" in output
    write_csv(clone.folder / "data/mine/train.csv", 20, 28)
    change = "load.train=data/mine/train.csv"
    output = clone.fail("dvc", "exp", "run", "--temp", "-S", change, "check")
    assert "load.train is data/mine/train.csv, which does not exist" in output
    assert "run `dvc add` for the data" in output
    clone.run("dvc", "add", "data/mine/train.csv")
    clone.run("git", "add", "data/mine")
    clone.run("dvc", "exp", "run", "--temp", "-S", change, "check")
    keys = ("train", "test", "noisy_train", "noisy_test")
    clone.set_params(load=dict.fromkeys(keys))
    output = clone.fail("dvc", "repro")
    assert all(f"load.{key} is None: input should be a valid string" in output for key in keys)


def test_setup_installs_cuda_if_there_is_an_nvidia_driver(tmp_path: Path) -> None:
    clone = Clone.of_workspace(tmp_path / "clone")
    tools = offline(tmp_path)["PATH"].split(":")[1]

    def installs_cuda(*options: str) -> bool:
        path = {"PATH": f"{tools}:{clone.env['PATH']}"}
        commands = clone.run("make", "--dry-run", "setup", *options, env=path)
        assert ("-r requirements.txt" in commands) != ("-r requirements/cuda.txt" in commands)
        return "-r requirements/cuda.txt" in commands

    assert [installs_cuda(), installs_cuda("GPU=1")] == [False, True]
    Path(tools, "nvidia-smi").symlink_to("/usr/bin/true")
    assert [installs_cuda(), installs_cuda("GPU=0")] == [True, False]
    # After a set-up without CUDA, GPU=1 installs it.
    (clone.folder / ".venv").mkdir()
    (clone.folder / ".venv/pipeline").write_text("0\n")
    assert "Nothing to be done" in clone.run("make", "--dry-run", "setup", "GPU=0")
    assert installs_cuda("GPU=1")


@pytest.mark.parametrize(("answer", "size"), [("[N/A]", 0), ("300", 100 * 2**20)])
def test_a_driver_may_not_know_the_memory_of_the_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, size: int
) -> None:
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\necho '{answer}'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert backend.resident_bytes() == size


def test_a_folder_without_history_is_reported_in_one_line(tmp_path: Path) -> None:
    """Such as a ZIP of the repository."""
    clone = Clone.of_workspace(tmp_path)
    shutil.rmtree(tmp_path / ".git")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/pipeline").write_text("0\n")
    assert "clone the repository with git" in clone.fail("make", "repro", "GPU=0")


# The weights and the state of the optimizer after one step of a small dense network.
STEP = """
import hashlib, os, sys
os.cpu_count = lambda: int(sys.argv[1])
from training.base import backend
backend.start("tensorflow", "cpu")
import keras
import numpy as np
from pipeline.base import params
from training.base import networks
from training.fit import compile_model, variables
from training.loops import Loop
noisy, clean = np.random.default_rng(0).random((2, 128, 28, 28, 1), np.float32)
keras.utils.set_random_seed(0)
settings = dict(params.read(params.Model)) | {"encoder": [64], "decoder": []}
network = networks.build(clean.shape[1:], **settings)
model = compile_model(network, "adam", 0.001, "binary_crossentropy")
print(Loop(model, noisy, clean, batch_size=128)(0))
state = b"".join(variable.numpy().tobytes() for variable in variables(model))
print(hashlib.sha256(state).hexdigest())
"""
EMULATOR = ("qemu-x86_64", "-cpu", "Haswell")  # without AVX-512, and with caches of other sizes


def step(cores: str, *emulator: str) -> str:
    """The loss, and the hash of the result."""
    command = [*emulator, sys.executable, "-c", STEP, cores]
    return subprocess.check_output(command, cwd=ROOT, text=True)


def test_weights_do_not_depend_on_the_number_of_cores() -> None:
    assert step("1") == step("64")


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="weights of ARM differ")
@pytest.mark.skipif(not shutil.which(EMULATOR[0]) and "CI" not in os.environ, reason="needs QEMU")
def test_another_processor_trains_the_same_weights() -> None:
    """XLA's library YNNPACK gave other sums on processors with AVX-512 than on those without."""
    assert step("2") == step("2", *EMULATOR)
