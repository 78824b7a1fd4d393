"""pipeline/npy.py."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from denoiser.errors import InputError
from pipeline import npy


@pytest.mark.parametrize("rows", [0, 1, 5, 12345])
def test_npy_files_are_compatible_with_numpy(workspace: Path, rows: int) -> None:
    array = np.random.default_rng(0).random((rows, 2, 3, 1), np.float32)
    with npy.NpyWriter(Path("x.npy"), np.float32, (2, 3, 1)) as writer:
        for start in range(0, rows, 4):
            writer.append(array[start : start + 4])
    np.testing.assert_array_equal(np.load("x.npy"), array)
    np.save("y.npy", array)
    with npy.NpyReader("y.npy") as reader:
        blocks = list(reader.blocks(4))
        order = np.random.default_rng(0).permutation(rows)
        np.testing.assert_array_equal(reader[order], array[order])
    np.testing.assert_array_equal(np.concatenate([array[:0], *blocks]), array)
    np.testing.assert_array_equal(npy.load_npy("y.npy"), array)


@pytest.mark.parametrize(
    "array", [np.array([None, 1]), np.asfortranarray(np.eye(3)), np.float32(1)]
)
def test_rejects_npy_files_of_other_kinds(workspace: Path, array: np.ndarray) -> None:
    np.save("x.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=r"^x\.npy "):
        npy.NpyReader("x.npy")


@pytest.mark.parametrize("size", [0, 5, 100, 447])
def test_rejects_truncated_npy_files(workspace: Path, size: int) -> None:
    np.save("x.npy", np.zeros((10, 4)))
    os.truncate("x.npy", size)
    with pytest.raises(InputError, match=r"^x\.npy "):
        npy.load_npy("x.npy")


@pytest.mark.parametrize("cached", [True, False])
def test_reads_rows_in_any_order(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    """Through a memory map only as long as the system has cached the file."""
    counts = itertools.count(step=0 if cached else 1)
    monkeypatch.setattr(npy, "reads_from_disk", lambda: next(counts))
    images = np.arange(40, dtype=np.float32).reshape(10, 2, 2, 1)
    np.save("x.npy", images)
    order = np.array([7, 0, 7, 9])
    with npy.NpyReader("x.npy") as reader:
        reader[order]
        result = reader[order]
        assert (reader.map is not None) == cached
    np.testing.assert_array_equal(result, images[order])
    assert result.ctypes.data % 64 == 0
    result[:] = 0
    np.testing.assert_array_equal(np.load("x.npy"), images)


@pytest.mark.parametrize("rows", [None, [7, 0, 3, 9, 2]])
def test_images_are_scaled_in_blocks(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, rows: list[int] | None
) -> None:
    monkeypatch.setattr(npy, "BLOCK_SIZE", 2)
    images = np.random.default_rng(0).integers(0, 256, (10, 2, 3, 1), np.uint8)
    np.save("x.npy", images)
    npy.write_scaled(Path("x.npy"), None if rows is None else np.array(rows), Path("y.npy"))
    scaled = np.load("y.npy")
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, images[rows or slice(None)] / np.float32(255))
