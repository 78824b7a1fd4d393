"""`make train PICTURES=folder`: trains the preset `pictures` on a folder of your pictures.

With NOISY=folder, it trains on pairs: this folder has noisy pictures of the same names.
"""

import subprocess
import sys
from pathlib import Path

from denoiser.errors import InputError
from pipeline.process import run_main
from tools.experiment import overrides
from training.onnx_export import DENOISER

CLEAN, NOISY = ("load.train", "load.test"), ("load.noisy_train", "load.noisy_test")


def main() -> None:
    folders = sys.argv[1:]
    if not folders:
        raise InputError("make train PICTURES=folder: pass the folder of your pictures")
    for folder in folders:
        if not Path(folder).resolve().is_relative_to(Path.cwd()) or not Path(folder).is_dir():
            raise InputError(f"{folder} is not a folder in the project: copy your pictures there")
    changes = overrides("pictures")
    for keys, folder in zip((CLEAN, NOISY), folders, strict=False):
        changes += [f"{key}={folder}" for key in keys]
    if len(folders) == 2:
        changes += ["noise.kind=pairs", "load.camera=0"]
    run("dvc", "add", "--quiet", *folders)
    run("dvc", "exp", "run", *(word for change in changes for word in ("-S", change)))
    print(f"\nto denoise pictures: python -m denoiser PICTURES --model {DENOISER}")


def run(*command: str) -> None:
    """Runs a command that prints its errors. Raises InputError if it fails."""
    if subprocess.run(command).returncode:
        raise InputError(f"`{' '.join(command[:3])}` failed, see above")


if __name__ == "__main__":
    sys.exit(run_main(main))
