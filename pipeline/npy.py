"""Reads and writes .npy files in blocks of rows."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import psutil

from denoiser.errors import InputError

BLOCK_SIZE = 2000  # images in memory at once


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
        # NumPy pads the header, so that the number of rows can grow in place.
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.rows, *self.shape),
        }
        self.file.seek(0)
        np.lib.format.write_array_header_1_0(self.file, header)

    def append(self, block: npt.NDArray[Any]) -> None:
        """Appends rows, shape (n, *shape)."""
        self.file.write(np.ascontiguousarray(block, self.dtype).data)
        self.rows += len(block)

    def __enter__(self) -> "NpyWriter":
        return self

    def __exit__(self, exception_type: object, *_: object) -> None:
        with self.file:
            if exception_type is None:
                self._write_header()


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """An uninitialized array in memory that starts at a multiple of 64 bytes.

    TensorFlow uses such an array without copying it.
    """
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def advise(file: int, start: int, size: int) -> None:
    """Lets the system read a part of an open file in advance."""
    if hasattr(os, "posix_fadvise"):  # missing on macOS
        os.posix_fadvise(file, start, size, os.POSIX_FADV_WILLNEED)


def load_npy(path: str) -> npt.NDArray[Any]:
    """Reads a whole .npy file. Raises InputError like `NpyReader`."""
    with NpyReader(path) as reader:
        return reader.rows(0, len(reader))


def write_scaled(source: Path, rows: npt.NDArray[np.intp] | None, target: Path) -> None:
    """Writes images of an .npy file, uint8, as float32 in [0, 1]: those with these indices or all.

    Works in blocks. Images have shape (n, height, width, channels).
    """
    with (
        NpyReader(str(source)) as images,
        NpyWriter(target, np.float32, images.shape[1:]) as scaled,
    ):
        if rows is None:
            rows = np.arange(len(images))
        for start in range(0, len(rows), BLOCK_SIZE):
            scaled.append(images[rows[start : start + BLOCK_SIZE]] / np.float32(255))


class NpyReader:
    """Reads rows of an .npy file.

    Blocks are read into new arrays, not through a memory map: its pages count as memory of the
    process, so reading a whole file that way takes as much memory as the file.

    Raises InputError if the file is truncated or holds anything but a plain array of numbers.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.map: npt.NDArray[Any] | None = None
        self.file: BinaryIO = open(path, "rb")
        try:
            version = np.lib.format.read_magic(self.file)
            if version != (1, 0):
                raise ValueError(f"its format version is {version}")
            self.shape, fortran_order, self.dtype = np.lib.format.read_array_header_1_0(self.file)
            if fortran_order or self.dtype.kind not in "uif" or not self.shape:
                raise ValueError("it does not hold rows of numbers")
            self.start = self.file.tell()
            size = self.start + math.prod(self.shape) * self.dtype.itemsize
            if os.fstat(self.file.fileno()).st_size != size:
                raise ValueError("its size does not match its header")
        except ValueError as error:
            self.file.close()
            raise InputError(
                f"{path} was not written by this pipeline ({error}): "
                "delete the file and run `dvc repro`"
            ) from error

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
        """The rows with these indices, in this order.

        They come from a memory map if the file fits in memory, which is five times as fast. A map
        of a larger file would read one page of the disk after the other.
        """
        result = aligned_empty((len(rows), *self.shape[1:]), self.dtype)
        file = self.file.fileno()
        size = os.fstat(file).st_size
        if size < psutil.virtual_memory().total // 2:
            if self.map is None:
                advise(file, 0, size)
                self.map = np.memmap(self.file, self.dtype, "r", self.start, self.shape)
            return np.take(self.map, rows, axis=0, out=result, mode="clip")  # "raise" would copy
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        starts = [self.start + row * size for row in rows.tolist()]
        for start in starts:  # the disk reads all rows at once instead of one by one
            advise(file, start, size)
        for start, row in zip(starts, result, strict=True):
            os.preadv(file, [row], start)
        return result

    def rows(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Rows `start` to `stop`, or to the end of the file."""
        stop = min(stop, len(self))
        row = math.prod(self.shape[1:])
        self.file.seek(self.start + start * row * self.dtype.itemsize)
        values = np.fromfile(self.file, self.dtype, (stop - start) * row)
        return values.reshape(stop - start, *self.shape[1:])

    def blocks(self, size: int) -> Iterator[npt.NDArray[Any]]:
        """All rows in order, in blocks of `size` rows."""
        for start in range(0, len(self), size):
            yield self.rows(start, start + size)

    def __enter__(self) -> "NpyReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
