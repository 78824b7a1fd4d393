"""The devices that run a network, by name, and NVIDIA's GPUs."""

import shutil
import subprocess

DEVICES = ("auto", "cpu", "gpu")  # auto: the GPU if there is one


def query_gpus(field: str) -> list[str]:
    """A property of each NVIDIA GPU, as the command `nvidia-smi` prints it; [] without a driver."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader,nounits"]
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
