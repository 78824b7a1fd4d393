"""The devices that run a network, by name, and NVIDIA's GPUs."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

DEVICES = ("auto", "cpu", "gpu")  # auto: the GPU if there is one


def query_gpus(field: str) -> list[str]:
    """A property of each NVIDIA GPU, as the command `nvidia-smi` prints it; [] without a driver."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader,nounits"]
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()


# Messages of TensorFlow and CUDA that need no action: information, and without NVIDIA's driver the
# failure to start CUDA.
BANNER = r"WARNING: All log messages before absl|I\d{4} "
BANNER_WITHOUT_DRIVER = rf"{BANNER}|E\d{{4}} .*cuInit"


@contextlib.contextmanager
def without_banners() -> Iterator[None]:
    """Leaves out the banners of TensorFlow on standard error while it starts in the block.

    TensorFlow has no setting for them. Other messages are printed at the end of the block.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    banner = BANNER if shutil.which("nvidia-smi") else BANNER_WITHOUT_DRIVER
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            file.seek(0)
            for line in file.read().decode(errors="replace").splitlines():
                if not re.match(banner, line):
                    print(line, file=sys.stderr, flush=True)
