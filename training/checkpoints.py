"""Stores the checkpoint of a training; fit.py decides its content."""

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

from denoiser.base import files

PATH = Path("models/checkpoint.npz")
CODE = ("denoiser", "training", "pipeline", "stages")  # packages whose modules decide the result

Arrays = dict[str, npt.NDArray[Any]]


def key(data: Iterable[str], *settings: object) -> str:
    """A hash of everything that decides a result: data files, settings, code and packages."""
    code = [
        str(module.__file__)
        for name, module in sys.modules.items()
        if name.split(".")[0] in CODE and getattr(module, "__file__", None)
    ]
    packages = {f"{found.name} {found.version}" for found in importlib.metadata.distributions()}
    digest = hashlib.sha256(repr((settings, platform.python_version())).encode())
    digest.update(repr(sorted(packages)).encode())
    for path in [*data, *sorted(code)]:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def load(key: str) -> Arrays | None:
    """The saved checkpoint, or None if there is none, it is damaged, or its key differs."""
    try:
        with np.load(PATH) as archive:
            arrays = dict(archive)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        return None
    return arrays if arrays.pop("key", None) == key else None


def save(key: str, arrays: Arrays) -> None:
    """Saves a checkpoint, replacing an earlier one."""
    with files.atomic_write(PATH) as path:
        np.savez(path, allow_pickle=False, key=np.array(key), **arrays)


def remove() -> None:
    """Removes the checkpoint if there is one."""
    files.remove(PATH)
