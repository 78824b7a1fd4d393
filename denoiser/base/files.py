"""Writes files and folders atomically."""

import contextlib
import errno
import hashlib
import os
import platform
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
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(final)
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


def temporary_path(final: Path) -> Path:
    """A path beside `final` that no other process uses, with the same suffix.

    Removes what a process of this computer left there when it was killed.
    """
    # A hash, because a name has at most 255 bytes; one for each computer that shares the folder.
    key = f"{platform.node()} {final.name}".encode(errors="surrogateescape")
    start = f".tmp-{hashlib.sha256(key).hexdigest()[:16]}-"
    for left in final.parent.glob(f"{start}*"):
        if not is_running(int(left.name.removeprefix(start).partition(".")[0])):
            remove(left)
    temporary = final.with_name(f"{start}{os.getpid()}{final.suffix[:10]}")
    remove(temporary)
    return temporary


def is_running(process: int) -> bool:
    """Whether a process with this ID runs; on Windows, where signals end a process, always True."""
    if os.name != "nt":
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
    return True


def remove(path: Path) -> None:
    """Removes a file or folder if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
