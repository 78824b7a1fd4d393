"""The tools in a project that is a subfolder of its Git repository, and in a shallow clone."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import Clone
from tools.command import clone_head, read_committed


@pytest.mark.parametrize("dvc_at_the_root", [False, True])
def test_the_tools_work_in_a_subfolder(
    digits: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dvc_at_the_root: bool
) -> None:
    repository, folder = tmp_path / "repository", tmp_path / "repository/ml/my denoiser"
    folder.mkdir(parents=True)
    clone = Clone.with_cache_of(folder, digits)
    for name in (".git", ".dvc") if dvc_at_the_root else (".git",):
        shutil.move(folder / name, repository / name)
    (folder / "presets/tiny.yaml").write_text("# A description.\n- plot.images=4\n")
    clone.run("git", "add", "-A", str(repository))
    clone.run("git", "commit", "-qm", "The project in a subfolder")

    clone.run("python", "-m", "tools.experiment", "tiny")
    assert "tiny,model," in (folder / "presets/scores.csv").read_text()
    assert (folder / "presets/images/tiny.png").exists()
    monkeypatch.chdir(folder)
    project = clone_head(tmp_path / "clone")
    assert project == tmp_path / "clone/ml/my denoiser"
    assert (project / "params.yaml").read_text() == read_committed("HEAD", "params.yaml")


def test_a_shallow_clone_is_rejected(tmp_path: Path) -> None:
    """In a shallow clone, `dvc exp run --temp` succeeds, but records nothing."""
    origin, shallow = Clone.of_workspace(tmp_path / "origin"), Clone(tmp_path / "shallow")
    origin.run("git", "commit", "-q", "--allow-empty", "-m", "A second commit")
    url = f"file://{origin.folder}"
    origin.run("git", "clone", "-q", "--depth", "1", url, str(shallow.folder))
    for tool, argument in (("experiment", "small"), ("search", "1")):
        output = shallow.fail("python", "-m", f"tools.{tool}", argument)
        assert "run `git fetch --unshallow` first" in output
