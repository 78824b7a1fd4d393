"""The tools in a project that is a subfolder of its Git repository, and in a shallow clone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Clone, error_line
from tools.command import clone_head, read_committed


@pytest.fixture(params=["dvc in the project", "dvc at the root"])
def subfolder(request: pytest.FixtureRequest, digits: Clone, tmp_path: Path) -> Clone:
    """The project in the folder `ml/my denoiser` of a repository; it uses the cache of `digits`."""
    repository = tmp_path / "repository"
    folder = repository / "ml/my denoiser"
    folder.mkdir(parents=True)
    clone = Clone.with_cache_of(folder, digits)
    shutil.move(folder / ".git", repository / ".git")
    if request.param == "dvc at the root":
        shutil.move(folder / ".dvc", repository / ".dvc")
    (folder / "experiments/tiny.yaml").write_text("# A description.\n- plot.images=4\n")
    clone.run("git", "add", "-A", str(repository))
    clone.run("git", "commit", "-qm", "The project in a subfolder")
    return clone


def test_the_tools_work_in_a_subfolder(subfolder: Clone) -> None:
    subfolder.run("python", "-m", "tools.experiment", "tiny")
    assert "tiny,model," in (subfolder.folder / "experiments/scores.csv").read_text()
    assert (subfolder.folder / "experiments/images/tiny.png").exists()


def test_a_clone_of_a_subfolder(
    subfolder: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(subfolder.folder)
    project = clone_head(tmp_path / "clone")
    assert project == tmp_path / "clone/ml/my denoiser"
    assert (project / "params.yaml").read_text() == read_committed("HEAD", "params.yaml")


@pytest.mark.parametrize("tool", [("experiment", "small"), ("search", "1")])
def test_a_shallow_clone_is_rejected(tmp_path: Path, tool: tuple[str, str]) -> None:
    """In a shallow clone, `dvc exp run --temp` succeeds, but records nothing."""
    origin, folder = tmp_path / "origin", tmp_path / "shallow"
    clone = Clone.of_workspace(origin)
    clone.run("git", "commit", "-q", "--allow-empty", "-m", "A second commit")
    clone.run("git", "clone", "-q", "--depth", "1", f"file://{origin}", str(folder))
    done = subprocess.run(
        [sys.executable, "-m", f"tools.{tool[0]}", tool[1]],
        cwd=folder,
        env=clone.env,
        capture_output=True,
        text=True,
    )
    assert "run `git fetch --unshallow` first" in error_line(done)
