"""Reads and writes .npy files in blocks of rows."""

import itertools
import math
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from denoiser.errors import InputError
from pipeline import dvc_lock

Array = npt.NDArray[Any]

BLOCK_SIZE = 2000  # images in memory at once


def load_npy(path: str) -> Array:
    """Reads a whole .npy file. Raises InputError like `NpyReader`."""
    with NpyReader(path) as reader:
        return reader.rows(0, len(reader))


def blocks(path: str, size: int) -> Iterator[Array]:
    """Yields all rows of an .npy file in order, in blocks of `size` rows."""
    with NpyReader(path) as reader:
        yield from reader.blocks(size)


def write(path: Path, blocks: Iterator[Array]) -> None:
    """Writes blocks of rows, at least one, as an .npy file of float32."""
    first = next(blocks)
    with NpyWriter(path, np.float32, first.shape[1:]) as writer:
        for block in itertools.chain([first], blocks):
            writer.append(block)


def write_scaled(source: Path, rows: npt.NDArray[np.intp] | None, target: Path) -> None:
    """Writes images of uint8 as float32 in [0, 1]: those with these indices, or all."""
    with NpyReader(str(source)) as images:
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


def reads_from_disk() -> int:
    """How often this thread has waited for the disk to read a page of a memory map."""
    who = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)  # the former on Linux alone
    return resource.getrusage(who).ru_majflt


class NpyReader:
    """Reads rows of an .npy file.

    Blocks are read into new arrays, not through a memory map: its pages count as memory of the
    process, so reading a whole file that way takes as much memory as the file.

    Raises InputError if the file is truncated or holds anything but a plain array of numbers.
    """

    def __init__(self, path: str) -> None:
        self.map: Array | None = None
        self.cached = True  # as far as known
        self.file: BinaryIO = open(path, "rb")
        try:
            if (version := np.lib.format.read_magic(self.file)) != (1, 0):
                raise ValueError(f"its format version is {version}")
            self.shape, fortran_order, self.dtype = np.lib.format.read_array_header_1_0(self.file)
            if fortran_order or self.dtype.kind not in "uif" or not self.shape:
                raise ValueError("it does not hold rows of numbers")
            self.start = self.file.tell()
            self.row_size = math.prod(self.shape[1:]) * self.dtype.itemsize  # bytes
            size = self.start + len(self) * self.row_size
            if os.fstat(self.file.fileno()).st_size != size:
                raise ValueError("its size does not match its header")
        except ValueError as error:
            self.file.close()
            raise InputError(
                f"{path} was not written by this pipeline ({error}): {dvc_lock.remedy(path)}"
            ) from error

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: npt.NDArray[np.intp]) -> Array:
        """The rows with these indices, in this order.

        They come from a memory map as long as the system has cached the file, which is five times
        as fast. From the disk, a memory map would read one page after the other.
        """
        memory = np.empty(len(rows) * self.row_size + 64, np.uint8)
        first = -memory.ctypes.data % 64  # TensorFlow does not copy memory that is aligned so
        memory = memory[first : first + len(rows) * self.row_size]
        result = memory.view(self.dtype).reshape(len(rows), *self.shape[1:])
        if self.cached:
            if self.map is None:
                self.map = np.memmap(self.file, self.dtype, "r", self.start, self.shape)
            before = reads_from_disk()
            np.take(self.map, rows, axis=0, out=result, mode="clip")  # "raise" would need a copy
            self.cached = reads_from_disk() == before
            return result
        self.map = None  # its pages would count as memory of the process
        starts = [self.start + row * self.row_size for row in rows.tolist()]
        if hasattr(os, "posix_fadvise"):  # missing on macOS
            for start in starts:  # the disk reads all rows at once instead of one by one
                os.posix_fadvise(self.file.fileno(), start, self.row_size, os.POSIX_FADV_WILLNEED)
        for start, row in zip(starts, result, strict=True):
            os.preadv(self.file.fileno(), [row], start)
        return result

    def rows(self, start: int, stop: int) -> Array:
        """Rows `start` to `stop`, or to the end of the file."""
        count = min(stop, len(self)) - start
        self.file.seek(self.start + start * self.row_size)
        values = np.fromfile(self.file, self.dtype, count * math.prod(self.shape[1:]))
        return values.reshape(count, *self.shape[1:])

    def blocks(self, size: int) -> Iterator[Array]:
        """All rows in order, in blocks of `size` rows."""
        for start in range(0, len(self), size):
            yield self.rows(start, start + size)

    def __enter__(self) -> "NpyReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
