"""pipeline/base/dvc_lock.py: files that are damaged in DVC's cache."""

import os
import re
import shutil
from pathlib import Path

import pytest

from pipeline.base import dvc_lock
from tests.conftest import Clone


def test_digests_are_those_of_dvc(digits: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(digits.folder)
    hashes = dvc_lock.hashes()
    assert len(hashes) > 20
    assert {path: dvc_lock.digest(Path(path)) for path in hashes} == hashes
    dvc_lock.check_inputs("load")  # of which two paths are parameters


def damage(path: Path, size: int) -> None:
    """Overwrites a file and its links after the first 4096 bytes with zeros, and cuts it."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(path.stat().st_size - 4096))
        file.truncate(size)


@pytest.mark.slow
def test_no_stage_reads_a_damaged_file_and_the_commands_of_the_message_restore_it(
    digits: Clone, tmp_path: Path
) -> None:
    clone = Clone.of_workspace(tmp_path, **digits.read_params())
    shutil.copytree(digits.folder / ".dvc/cache", clone.folder / ".dvc/cache")
    clone.run("dvc", "repro")
    lock = clone.read_lock()
    whole = os.path.getsize(clone.folder / "data/noisy/x_train.npy")
    for name, size, stage in (
        ("data/noisy/x_train.npy", whole, "train"),
        ("data/denoised/x_val.npy", 0, "evaluate"),
        ("models/autoencoder.keras", 0, "export"),
    ):
        path = clone.folder / name
        content = path.read_bytes()
        damage(path, size)
        if stage == "train":  # DVC does not notice it
            assert "Running stage" not in clone.run("dvc", "repro")
        output = clone.fail("dvc", "repro", "--force", "--single-item", stage)
        (found,) = re.findall(rf"{stage}: (.*) was changed .* run: (rm .*; dvc repro)", output)
        assert name.startswith(found[0])
        clone.run("bash", "-c", found[1])
        assert path.read_bytes() == content
        assert clone.read_lock() == lock
    (tmp_path / "data/split/x_val.npy").unlink()
    shutil.copy(path, tmp_path / "data/split/x_val.npy")  # not an array
    output = clone.fail("python", "-m", "stages", "evaluate")  # without DVC
    (command,) = re.findall(r"x_val.npy was not written by this pipeline.* run: (rm .*)", output)
    clone.run("bash", "-c", command)
    clone.run("python", "-m", "stages", "evaluate")
