"""Keeps what a training that is cut off has reached, for the run that would repeat it."""

import hashlib
import importlib.metadata
import platform
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stages import files

PATH = Path("models/checkpoint.npz")
CODE = ("__main__", "denoiser", "stages")

Arrays = dict[str, npt.NDArray[Any]]


def key(data: Iterable[str], *settings: object) -> str:
    """A hash of all that decides a result: these files and settings, the code, the libraries."""
    code = [
        str(module.__file__)
        for name, module in sys.modules.items()
        if name.split(".")[0] in CODE and getattr(module, "__file__", None)
    ]
    libraries = {f"{found.name} {found.version}" for found in importlib.metadata.distributions()}
    digest = hashlib.sha256(repr((settings, platform.python_version())).encode())
    digest.update(repr(sorted(libraries)).encode())
    for path in [*data, *sorted(code)]:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def load(key: str) -> Arrays | None:
    """What was last saved, if it was under this key and is whole."""
    try:
        with np.load(PATH) as archive:
            arrays = dict(archive)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        return None
    return arrays if arrays.pop("key", None) == key else None


def save(key: str, arrays: Arrays) -> None:
    """Puts these in place of what was saved before."""
    with files.replacing(PATH) as path:
        np.savez(path, allow_pickle=False, key=np.array(key), **arrays)


def remove() -> None:
    """Removes what was saved, if there is anything."""
    files.remove(PATH)
