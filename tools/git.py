"""Asks git."""

import subprocess

from stages.errors import StageError


def git(*command: str) -> str:
    """What git prints. Raises StageError with what it says where it fails."""
    done = subprocess.run(["git", *command], capture_output=True, text=True)
    if done.returncode:
        raise StageError(done.stderr)
    return done.stdout
