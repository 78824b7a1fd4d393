"""`make train PICTURES=folder`: trains the preset `pictures` on a folder of your pictures.

With NOISY=folder, it trains on pairs: this folder has noisy pictures of the same names.
"""

import subprocess
import sys
from pathlib import Path

from dvc.utils.hydra import apply_overrides

from denoiser.base.errors import InputError
from pipeline.base import params
from pipeline.base.process import run_main
from tools.command import output, set_params
from tools.experiment import NO_DATA, overrides
from training.onnx_export import DENOISER


def main() -> None:
    pictures, noisy = [*sys.argv[1:], "", ""][:2]
    if not pictures:
        raise InputError("make train PICTURES=folder: pass the folder of your pictures")
    folders = list(filter(None, (pictures, noisy)))
    for folder in folders:
        if Path.cwd() not in Path(folder).resolve().parents or not Path(folder).is_dir():
            raise InputError(f"{folder} is not a folder in the project: copy your pictures there")
    output("dvc", "add", *folders)
    apply_overrides(Path(params.FILE), overrides(NO_DATA))
    # Not as overrides, which would parse the names of the folders. Without pairs, the noisy folders
    # of an earlier training must not be required.
    load = {"train": pictures, "test": pictures}
    load |= dict.fromkeys(("noisy_train", "noisy_test"), noisy or pictures)
    set_params(Path(), load=load)
    if noisy:
        set_params(Path(), load={"camera": 0}, noise={"kind": "pairs"})
    if subprocess.run(["dvc", "exp", "run"]).returncode:
        raise InputError("`dvc exp run` failed, see above")
    print(f"\nto denoise pictures: python -m denoiser PICTURES --model {DENOISER}")


if __name__ == "__main__":
    sys.exit(run_main(main))
