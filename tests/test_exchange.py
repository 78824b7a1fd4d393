"""Sharing through git and a folder; a shallow clone."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Clone


@pytest.mark.slow
def test_sharing(digits: Clone, tmp_path: Path) -> None:
    sender = Clone.with_cache_of(tmp_path / "sender", digits)
    receiver = Clone(tmp_path / "receiver")
    remote = str(tmp_path / "remote.git")
    sender.run("dvc", "repro")
    sender.run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "store"))
    sender.commit("A DVC remote")
    sender.run("git", "init", "-q", "--bare", remote)
    sender.run("git", "remote", "add", "origin", remote)
    sender.run("git", "push", "-q", "origin", "HEAD:main")
    sender.run("dvc", "exp", "run", "--temp", "--name", "five", "-S", "plot.images=5")
    sender.run("dvc", "exp", "push", "origin", "five")
    sender.run("git", "clone", "-q", "-b", "main", remote, str(receiver.folder))
    assert "five" in receiver.run("dvc", "exp", "list", "origin")
    receiver.run("dvc", "exp", "pull", "origin", "five")
    receiver.run("dvc", "exp", "apply", "five")
    assert receiver.read_params()["plot"]["images"] == 5
    for name in ("data/denoised/x_test.npy", "data/noisy/x_train.npy"):
        received, sent = (np.load(clone.folder / name) for clone in (receiver, digits))
        np.testing.assert_array_equal(received, sent)
    assert "Running stage" not in receiver.run("dvc", "repro")


def test_a_shallow_clone_is_rejected(tmp_path: Path) -> None:
    """In a shallow clone, `dvc exp run --temp` succeeds, but records nothing."""
    origin, shallow = Clone.of_workspace(tmp_path / "origin"), Clone(tmp_path / "shallow")
    origin.run("git", "commit", "-q", "--allow-empty", "-m", "A second commit")
    url = f"file://{origin.folder}"
    origin.run("git", "clone", "-q", "--depth", "1", url, str(shallow.folder))
    output = shallow.fail("python", "-m", "tools.experiment", "small")
    assert "run `git fetch --unshallow` first" in output
