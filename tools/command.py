"""Runs other programs, reads and clones commits of the project, and edits params.yaml."""

import os
import subprocess
from pathlib import Path
from typing import Any

import dvc.api
from dvc.exceptions import DvcException
from dvc.utils.serialize import modify_yaml

from denoiser.base.errors import InputError
from pipeline.base import params


def output(*command: str) -> str:
    """The standard output of a command. Raises InputError with its error message if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise InputError(done.stderr)
    return done.stdout


def read_committed(revision: str, path: str) -> str:
    """The text of a file of the project in a commit."""
    return output("git", "show", f"{revision}:{path}")


def read_cached(commit: str, path: str) -> bytes:
    """The content of an output of the project in a commit, from DVC's cache.

    Raises InputError if the cache does not contain it.
    """
    try:
        content: bytes = dvc.api.read(path, rev=commit, mode="rb")
    except DvcException as error:
        raise InputError(
            f"{path} of {commit[:7]} is not in DVC's cache: run the experiment again, or `dvc pull`"
        ) from error
    return content


def clone_head(folder: Path) -> None:
    """Clones the last commit into a new folder.

    From then on, Git variables of the environment have no effect. A hook of Git sets some, which
    would direct Git in the clone to this repository.
    """
    root = output("git", "rev-parse", "--show-toplevel").rstrip("\n")
    for name in output("git", "rev-parse", "--local-env-vars").split():
        os.environ.pop(name, None)
    output("git", "clone", "--quiet", root, str(folder))


def set_params(folder: Path, **sections: dict[str, Any]) -> None:
    """Sets parameters in a folder's params.yaml: `set_params(folder, train={"epochs": 1})`.

    Like `dvc exp run -S`, it preserves the comments and the order of the keys.
    """
    with modify_yaml(folder / params.FILE) as content:
        for name, values in sections.items():
            content[name] |= values
