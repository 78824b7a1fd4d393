"""Runs without files that Git and DVC track, and without the environment."""

from pathlib import Path

import pytest

from tests.conftest import Clone, offline, write_csv


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone.of_workspace(tmp_path / "clone", fetch={"source": "digits"})


def test_a_temporary_run_names_files_that_git_and_dvc_do_not_track(clone: Clone) -> None:
    (clone.folder / "denoiser/new.py").touch()
    noise = clone.folder / "denoiser/noise.py"
    code = noise.read_text()
    for statement in ("import denoiser.new", "from denoiser import new"):
        noise.write_text(f"{statement}\n{code}")
        output = clone.fail("dvc", "exp", "run", "--temp", "check")
        assert "run `git add` for the new module" in output
    clone.run("git", "add", "denoiser/new.py")
    write_csv(clone.folder / "data/mine/train.csv", 20, 28)
    change = "load.train=data/mine/train.csv"
    output = clone.fail("dvc", "exp", "run", "--temp", "-S", change, "check")
    assert "load.train is data/mine/train.csv, which does not exist" in output
    assert "run `dvc add` for the data" in output
    clone.run("dvc", "add", "data/mine/train.csv")
    clone.run("git", "add", "data/mine")
    clone.run("dvc", "exp", "run", "--temp", "-S", change, "check")


def test_paths_that_are_null_are_rejected_by_check(clone: Clone) -> None:
    keys = ("train", "test", "noisy_train", "noisy_test")
    output = clone.fail("dvc", "exp", "run", *(f"-Sload.{key}=null" for key in keys))
    for key in keys:
        assert f"load.{key} is None: input should be a valid string" in output


def test_an_environment_need_not_be_activated_but_complete(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    venv, tools = offline(tmp_path / "home")["PATH"].split(":")
    clone.run(f"{venv}/dvc", "repro", "check", env={"PATH": tools})
    clone.run("python", "-m", "venv", "--without-pip", str(tmp_path / "empty"))
    output = clone.fail(str(tmp_path / "empty/bin/python"), "-m", "stages.check")
    assert output.startswith("check: No module named '")
    assert ". .venv/bin/activate" in output
