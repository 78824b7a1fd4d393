"""Writes outputs atomically; reads and writes .npy files in blocks of rows."""

import contextlib
import errno
import math
import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from pipeline.base.errors import InputError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path for a file or folder, and moves it to `path` if the block succeeds.

    An existing file or folder at `path` is replaced, never written into: it may be a link into
    DVC's cache. Raises InputError if the disk is full.
    """
    final = Path(path)
    temporary = final.with_name(f".tmp-{final.name}")
    final.parent.mkdir(parents=True, exist_ok=True)
    remove(temporary)
    try:
        yield temporary
        if final.is_dir():
            remove(final)  # os.replace cannot replace a folder that holds files
        os.replace(temporary, final)
    except BaseException as error:
        remove(temporary)
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise InputError(
                f"{path} cannot be written: {os.strerror(error.errno).lower()}; "
                "free some disk space and try again"
            ) from error
        raise


def remove(path: Path) -> None:
    """Removes a file or folder if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class NpyWriter:
    """Writes an .npy file in blocks of rows, without knowing the number of rows in advance.

    `shape` is that of one row: () for labels, (784,) for images of 28x28 pixels. Blocks are
    converted to `dtype`.
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


def reads_from_disk() -> int:
    """How often this thread has waited for the disk to read a page of a memory map."""
    who = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)  # the former on Linux alone
    return resource.getrusage(who).ru_majflt


def load_npy(path: str) -> npt.NDArray[Any]:
    """Reads a whole .npy file. Raises InputError like `NpyReader`."""
    with NpyReader(path) as reader:
        return reader.rows(0, len(reader))


class NpyReader:
    """Reads rows of an .npy file.

    Blocks are read into new arrays, not through a memory map: its pages count as memory of the
    process, so reading a whole file that way takes as much memory as the file.

    Raises InputError if the file is truncated or holds anything but a plain array of numbers.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.map: npt.NDArray[Any] | None = None
        self.cached = True  # all rows are in the system's cache, as far as known
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

        They come from a memory map as long as all rows are in the system's cache. From the disk, a
        memory map would read one page after the other.
        """
        result = aligned_empty((len(rows), *self.shape[1:]), self.dtype)
        if self.cached:
            if self.map is None:
                self.map = np.memmap(self.file, self.dtype, "r", self.start, self.shape)
            before = reads_from_disk()
            np.take(self.map, rows, axis=0, out=result, mode="clip")  # "raise" would need a buffer
            self.cached = reads_from_disk() == before
            return result
        self.map = None  # its pages would count as memory of the process
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        file, starts = self.file.fileno(), [self.start + row * size for row in rows.tolist()]
        if hasattr(os, "posix_fadvise"):  # missing on macOS
            for start in starts:  # let the disk read all rows at once instead of one by one
                os.posix_fadvise(file, start, size, os.POSIX_FADV_WILLNEED)
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
