"""denoiser/base/files.py and pipeline/base/npy.py."""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from denoiser.base import files
from denoiser.base.errors import InputError
from pipeline.base import npy
from tests.conftest import ROOT


def test_atomic_write_replaces_only_on_success_and_not_through_links(workspace: Path) -> None:
    for name, kept in (("a", "a"), ("fails", "a"), ("c", "c")):
        with contextlib.suppress(OSError), files.atomic_write("out/folder") as path:
            path.mkdir()
            (path / name).touch()
            if name == "fails":
                raise OSError
        assert sorted(map(str, Path("out").rglob("*"))) == ["out/folder", f"out/folder/{kept}"]
    Path("cached").write_text("cached")
    Path("hard").hardlink_to("cached")
    Path("soft").symlink_to("cached")
    for name in ("hard", "soft"):
        with files.atomic_write(name) as path:
            path.write_text("new")
        assert Path(name).read_text() == "new"
    assert Path("cached").read_text() == "cached"


def test_processes_that_write_beside_each_other_use_different_files(workspace: Path) -> None:
    """Also with long names that end alike; what a killed process left is removed."""
    code = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from denoiser.base import files
for name in ("a" * 100 + "z" * 100, "b" * 100 + "z" * 100):
    files.atomic_write(name).__enter__().write_text(name)
os._exit(0)  # like a kill
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    left = {path.read_text() for path in Path().glob(".tmp-*")}
    assert {name[0] for name in left} == {"a", "b"}
    with files.atomic_write("a" * 100 + "z" * 100) as path, files.atomic_write("c") as other:
        assert path != other
        path.touch()
        other.touch()
        assert len(list(Path().glob(".tmp-*"))) == 3  # b, a of this process, c
    with files.atomic_write("b" * 100 + "z" * 100) as path:
        path.touch()
    assert not list(Path().glob(".tmp-*"))


def test_names_of_255_bytes_can_be_written(workspace: Path) -> None:
    for name in ("a" * 251 + ".npy", "€" * 83 + "é.npy"):
        with files.atomic_write(name) as path:
            np.save(path, ROWS)  # which would append the suffix if it were missing
        assert Path(name).is_file()


@pytest.mark.parametrize("rows", [0, 1, 5, 12345])
def test_npy_files_are_compatible_with_numpy(workspace: Path, rows: int) -> None:
    array = np.random.default_rng(0).random((rows, 2, 3, 1), np.float32)
    with npy.NpyWriter(Path("x.npy"), np.float32, (2, 3, 1)) as writer:
        for start in range(0, rows, 4):
            writer.append(array[start : start + 4])
    np.testing.assert_array_equal(np.load("x.npy"), array)
    np.save("y.npy", array)
    np.testing.assert_array_equal(np.concatenate([array[:0], *npy.blocks("y.npy", 4)]), array)
    np.testing.assert_array_equal(npy.open_npy("y.npy"), array)


ROWS = np.zeros((10, 4))
OTHER_KINDS: list[Any] = [np.array([None, 1]), np.asfortranarray(np.eye(3)), np.float32(1)]


def test_rejects_npy_files_of_other_kinds_and_truncated_ones(workspace: Path) -> None:
    np.savez("archive.npz", ROWS)
    contents = [Path("archive.npz").read_bytes()]
    for array in (*OTHER_KINDS, ROWS):
        np.save("x.npy", array, allow_pickle=True)
        contents.append(Path("x.npy").read_bytes())
    whole = contents.pop()
    for content in (*contents, *(whole[:size] for size in (0, 5, 100, 447))):
        Path("x.npy").write_bytes(content)
        with pytest.raises(InputError, match=r"^x\.npy "):
            npy.open_npy("x.npy")
