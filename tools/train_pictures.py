"""`make train PICTURES=folder`: trains the preset `pictures` on a folder of your clean pictures.

With NOISY=folder, which has noisy copies of the same names, it trains on these pairs, too.
"""

import subprocess
import sys
from pathlib import Path

from dvc.utils.hydra import apply_overrides

from denoiser.base.errors import InputError
from pipeline.base import params
from pipeline.base.process import run_main
from tools import pairs
from tools.command import output
from tools.experiment import NO_DATA, overrides
from training.onnx_export import DENOISER

PAIRS = "data/pairs"  # as in the preset


def main() -> None:
    pictures, noisy = [*sys.argv[1:], "", ""][:2]
    if not pictures:
        raise InputError("make train PICTURES=folder: pass the folder of your pictures")
    pairs.write(PAIRS, *([pictures, pictures, noisy] if noisy else [pictures]))
    output("dvc", "add", PAIRS)
    apply_overrides(Path(params.FILE), overrides(NO_DATA))
    if subprocess.run(["dvc", "exp", "run"]).returncode:
        raise InputError("`dvc exp run` failed, see above")
    print(f"\nto denoise pictures: python -m denoiser PICTURES --model {DENOISER}")


if __name__ == "__main__":
    sys.exit(run_main(main))
