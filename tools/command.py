"""Runs other programs."""

import subprocess
from pathlib import Path

from pipeline.base.errors import InputError


def output(*command: str) -> str:
    """The standard output of a command. Raises InputError with its error message if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise InputError(done.stderr)
    return done.stdout


def clone_head(folder: Path) -> None:
    """Clones the last commit into a new folder."""
    output("git", "clone", "--quiet", ".", str(folder))
