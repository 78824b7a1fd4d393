"""Writes outputs so that none is ever half there; reads and writes .npy files by blocks of rows."""

import contextlib
import errno
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from stages.errors import StageError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path, to write a file or a folder at; it becomes `path` if the block ends well.

    What stands at `path` is replaced, never written into: it may be a link into DVC's cache.
    Raises StageError if the disk is full.
    """
    final = Path(path)
    temporary = final.with_name(f".tmp-{final.name}")
    final.parent.mkdir(parents=True, exist_ok=True)
    remove(temporary)
    try:
        yield temporary
        if final.is_dir():
            remove(final)  # os.replace puts no folder over one that holds files
        os.replace(temporary, final)
    except BaseException as error:
        remove(temporary)
        if isinstance(error, OSError) and error.errno in FULL:
            raise StageError(
                f"{path} cannot be written: {os.strerror(error.errno).lower()}; "
                "free some space and run it again"
            ) from error
        raise


def remove(path: Path) -> None:
    """Removes the file or folder at `path`, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class NpyWriter:
    """Writes an array to an .npy file a block of rows at a time; how many rows, it need not know.

    `shape` is that of a row: () for numbers, (784,) for images. Blocks are converted to `dtype`.
    """

    def __init__(self, path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> None:
        self.dtype, self.shape, self.rows = np.dtype(dtype), shape, 0
        self.file = open(path, "wb")
        self._write_header()

    def _write_header(self) -> None:
        # NumPy leaves room in the header for the number of rows to grow.
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.rows, *self.shape),
        }
        self.file.seek(0)
        np.lib.format.write_array_header_1_0(self.file, header)

    def append(self, block: npt.NDArray[Any]) -> None:
        """Adds rows, shape (n, *shape)."""
        self.file.write(np.ascontiguousarray(block, self.dtype).data)
        self.rows += len(block)

    def __enter__(self) -> "NpyWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self.file:
            if kind is None:
                self._write_header()


def load_npy(path: str) -> npt.NDArray[Any]:
    """The whole array. Raises StageError as NpyReader does."""
    with NpyReader(path) as reader:
        return reader.rows(0, len(reader))


class NpyReader:
    """Reads rows of an .npy file into memory of their own.

    A memory map would do the same, but every page of it that was touched counts as the
    process's memory, so that reading it through takes as much as the file.

    Raises StageError for a file that is not whole, or holds anything but numbers.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.file: BinaryIO = open(path, "rb")
        try:
            version = np.lib.format.read_magic(self.file)
            if version != (1, 0):
                raise ValueError(f"its format version is {version}")
            self.shape, fortran, self.dtype = np.lib.format.read_array_header_1_0(self.file)
            if fortran or self.dtype.kind not in "uif" or not self.shape:
                raise ValueError("it holds no plain rows of numbers")
            self.start = self.file.tell()
            size = self.start + math.prod(self.shape) * self.dtype.itemsize
            if os.fstat(self.file.fileno()).st_size != size:
                raise ValueError("its size is not what its header says")
        except ValueError as error:
            self.file.close()
            raise StageError(
                f"{path} is not an array this pipeline wrote ({error}): "
                "remove it and run `dvc repro`"
            ) from error

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
        """The rows of these numbers, in this order."""
        taken = np.empty((len(rows), *self.shape[1:]), self.dtype)
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        file, starts = self.file.fileno(), [self.start + row * size for row in rows.tolist()]
        if hasattr(os, "posix_fadvise"):  # not on a Mac
            for start in starts:  # the disk then reads them all at once, not one after the other
                os.posix_fadvise(file, start, size, os.POSIX_FADV_WILLNEED)
        for start, target in zip(starts, taken, strict=True):
            os.preadv(file, [target], start)
        return taken

    def rows(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Rows `start` to `stop`, fewer at the end of the file."""
        stop = min(stop, len(self))
        row = math.prod(self.shape[1:])
        self.file.seek(self.start + start * row * self.dtype.itemsize)
        values = np.fromfile(self.file, self.dtype, (stop - start) * row)
        return values.reshape(stop - start, *self.shape[1:])

    def blocks(self, size: int) -> Iterator[npt.NDArray[Any]]:
        """All rows in order, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.rows(start, start + size)

    def __enter__(self) -> "NpyReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
