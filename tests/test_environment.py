"""Runs without files that Git and DVC track, and without the environment."""

from pathlib import Path

import pytest

from tests.conftest import Clone, offline, write_csv


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone.of_workspace(tmp_path / "clone", fetch={"source": "digits"})


@pytest.mark.parametrize("statement", ["import denoiser.new", "from denoiser import new"])
def test_a_temporary_run_names_an_untracked_module(clone: Clone, statement: str) -> None:
    (clone.folder / "denoiser/new.py").touch()
    noise = clone.folder / "denoiser/noise.py"
    noise.write_text(f"{statement}\n{noise.read_text()}")
    output = clone.fail("dvc", "exp", "run", "--temp", "check")
    assert "run `git add` for the new module" in output
    clone.run("git", "add", "denoiser/new.py")
    clone.run("dvc", "exp", "run", "--temp", "check")


def test_a_temporary_run_names_data_that_dvc_does_not_track(clone: Clone) -> None:
    write_csv(clone.folder / "data/mine/train.csv", 20, 28)
    change = "load.train=data/mine/train.csv"
    output = clone.fail("dvc", "exp", "run", "--temp", "-S", change, "check")
    assert "load.train is data/mine/train.csv, which does not exist" in output
    assert "run `dvc add` for the data" in output
    clone.run("dvc", "add", "data/mine/train.csv")
    clone.run("git", "add", "data/mine")
    clone.run("dvc", "exp", "run", "--temp", "-S", change, "check")


@pytest.mark.parametrize("key", ["train", "test", "noisy_train", "noisy_test"])
def test_a_path_that_is_null_is_rejected_by_check(clone: Clone, key: str) -> None:
    output = clone.fail("dvc", "exp", "run", "-S", f"load.{key}=null")
    assert f"params.yaml: load.{key} is None: input should be a valid string" in output


def test_dvc_runs_without_an_activated_environment(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    venv, tools = offline(tmp_path / "home")["PATH"].split(":")
    clone.run(f"{venv}/dvc", "repro", "check", env={"PATH": tools})


def test_a_missing_package_is_reported_without_a_traceback(clone: Clone, tmp_path: Path) -> None:
    clone.run("python", "-m", "venv", "--without-pip", str(tmp_path / "empty"))
    output = clone.fail(str(tmp_path / "empty/bin/python"), "-m", "stages.check")
    assert output.startswith("check: No module named '")
    assert ". .venv/bin/activate" in output
