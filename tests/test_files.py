"""pipeline/base/files.py."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.base import files
from pipeline.base.errors import InputError


def test_atomic_write_replaces_a_folder_only_on_success(workspace: Path) -> None:
    with files.atomic_write("out/folder") as path:
        path.mkdir()
        (path / "a").touch()
    with pytest.raises(ZeroDivisionError), files.atomic_write("out/folder") as path:
        path.mkdir()
        (path / "b").write_text(str(1 / 0))
    assert [str(path) for path in Path("out").rglob("*")] == ["out/folder", "out/folder/a"]
    with files.atomic_write("out/folder") as path:
        path.mkdir()
        (path / "c").touch()
    assert [str(path) for path in Path("out").rglob("*")] == ["out/folder", "out/folder/c"]


def test_atomic_write_does_not_write_through_links(workspace: Path) -> None:
    Path("cached").write_text("cached")
    Path("hard").hardlink_to("cached")
    Path("soft").symlink_to("cached")
    for name in ("hard", "soft"):
        with files.atomic_write(name) as path:
            path.write_text("new")
        assert Path(name).read_text() == "new"
    assert Path("cached").read_text() == "cached"


@pytest.mark.parametrize("rows", [0, 1, 5, 12345])
def test_npy_files_are_compatible_with_numpy(workspace: Path, rows: int) -> None:
    array = np.random.default_rng(0).random((rows, 3), np.float32)
    with files.NpyWriter(Path("x.npy"), np.float32, (3,)) as writer:
        for start in range(0, rows, 4):
            writer.append(array[start : start + 4])
    np.testing.assert_array_equal(np.load("x.npy"), array)
    np.save("y.npy", array)
    with files.NpyReader("y.npy") as reader:
        blocks = list(reader.blocks(4))
        order = np.random.default_rng(0).permutation(rows)
        np.testing.assert_array_equal(reader[order], array[order])
    np.testing.assert_array_equal(np.concatenate([array[:0], *blocks]), array)
    np.testing.assert_array_equal(files.load_npy("y.npy"), array)


@pytest.mark.parametrize(
    "array", [np.array([None, 1]), np.asfortranarray(np.eye(3)), np.float32(1)]
)
def test_rejects_npy_files_of_other_kinds(workspace: Path, array: np.ndarray) -> None:
    np.save("x.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=r"^x\.npy "):
        files.NpyReader("x.npy")


@pytest.mark.parametrize("size", [0, 5, 100, 447])
def test_rejects_truncated_npy_files(workspace: Path, size: int) -> None:
    np.save("x.npy", np.zeros((10, 4)))
    path = Path("x.npy")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"^x\.npy "):
        files.load_npy("x.npy")


@pytest.mark.parametrize("cached", [True, False])
def test_reads_rows_in_any_order(workspace: Path, cached: bool) -> None:
    rows = np.arange(40, dtype=np.float32).reshape(10, 2, 2)
    np.save("rows.npy", rows)
    with files.NpyReader("rows.npy") as reader:
        reader.cached = cached  # otherwise it does not read through a memory map
        order = np.array([7, 0, 7, 9])
        result = reader[order]
    np.testing.assert_array_equal(result, rows[order])
    assert result.ctypes.data % 64 == 0
    result[:] = 0
    np.testing.assert_array_equal(np.load("rows.npy"), rows)
