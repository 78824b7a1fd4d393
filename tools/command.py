"""Asks another program."""

import subprocess

from stages.errors import StageError


def output(*command: str) -> str:
    """What a command prints. Raises StageError with what it says where it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise StageError(done.stderr)
    return done.stdout
