"""Writes files and folders atomically."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from denoiser.base.errors import InputError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path for a file or folder, and moves it to `path` if the block succeeds.

    An existing file or folder at `path` is replaced, never written into: it may be a link into
    DVC's cache. Raises InputError if the disk is full.
    """
    final = Path(path)
    temporary = final.with_name(f".tmp-{final.name[-60:]}")  # a name has at most 255 bytes
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
