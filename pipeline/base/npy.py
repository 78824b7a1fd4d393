"""Reads and writes .npy files in blocks of rows."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from denoiser.base.errors import InputError
from denoiser.base.images import Array
from pipeline.base import dvc_lock

BLOCK_SIZE = 2000  # images in memory at once


def open_npy(path: str) -> Array:
    """The rows of an .npy file as a memory map, which reads the rows that are used.

    Raises InputError if the file is truncated or holds anything but a plain array of numbers.
    """
    try:
        array = np.lib.format.open_memmap(path, mode="r")
        if not array.ndim or array.dtype.kind not in "uif" or not array.flags.c_contiguous:
            raise ValueError("it does not hold rows of numbers")
        if Path(path).stat().st_size != array.offset + array.nbytes:
            raise ValueError("its size does not match its header")
    except (ValueError, EOFError) as error:
        raise InputError(
            f"{path} was not written by this pipeline ({error}): {dvc_lock.remedy(path)}"
        ) from error
    return array.view(np.ndarray)


def blocks(path: str, size: int) -> Iterator[Array]:
    """Yields all rows of an .npy file in order, in blocks of `size` rows."""
    rows = open_npy(path)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def write(path: Path, blocks: Iterator[Array]) -> None:
    """Writes blocks of rows, at least one, as an .npy file of float32."""
    first = next(blocks)
    with NpyWriter(path, np.float32, first.shape[1:]) as writer:
        for block in itertools.chain([first], blocks):
            writer.append(block)


def write_scaled(source: Path, rows: npt.NDArray[np.intp] | None, target: Path) -> None:
    """Writes images of uint8 as float32 in [0, 1]: those with these indices, or all."""
    images = open_npy(str(source))
    rows = np.arange(len(images)) if rows is None else rows
    parts = (rows[start : start + BLOCK_SIZE] for start in range(0, len(rows), BLOCK_SIZE))
    write(target, (images[part] / np.float32(255) for part in parts))


class NpyWriter:
    """Writes an .npy file in blocks of rows, without knowing the number of rows in advance.

    `shape` is that of one row: () for labels, (28, 28, 1) for gray images of 28x28 pixels. Blocks
    are converted to `dtype`.
    """

    def __init__(self, path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> None:
        self.dtype, self.shape, self.rows = np.dtype(dtype), shape, 0
        self.file = open(path, "wb")
        self._write_header()

    def _write_header(self) -> None:
        descr, shape = np.lib.format.dtype_to_descr(self.dtype), (self.rows, *self.shape)
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        self.file.seek(0)  # NumPy pads the header, so that the number of rows can grow in place
        np.lib.format.write_array_header_1_0(self.file, header)

    def append(self, block: Array) -> None:
        """Appends rows, shape (n, *shape)."""
        self.file.write(np.ascontiguousarray(block, self.dtype).data)
        self.rows += len(block)

    def __enter__(self) -> "NpyWriter":
        return self

    def __exit__(self, *_: object) -> None:
        with self.file:
            self._write_header()
