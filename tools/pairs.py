"""`python -m tools.pairs FOLDER PICTURES [CLEAN NOISY] [--shots N]`: pairs of pictures to train on.

Writes clean pictures to FOLDER/clean and their noisy copies to FOLDER/noisy: the given pairs as
given/…, and N developments of each of PICTURES and CLEAN by a simulated camera as simulated/… The
share of each in a batch is its share of the squares into which `load` cuts the pictures.
"""

import argparse
import shutil
import sys
from pathlib import Path

from PIL import Image

from denoiser import picture_files
from denoiser.base import files
from denoiser.base.errors import InputError
from pipeline.base.process import run_main
from tools.camera import take_picture

SIDES = "clean", "noisy"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.pairs")
    parser.add_argument("folder")
    parser.add_argument("pictures")
    parser.add_argument("pair", nargs="*", metavar="CLEAN NOISY")
    parser.add_argument("--shots", type=int, default=1)
    args = parser.parse_args()
    if len(args.pair) not in (0, 2):
        parser.error("the noisy copies are missing: CLEAN needs NOISY")
    write(args.folder, args.pictures, *args.pair, shots=args.shots)


def write(target: str, pictures: str, *given: str, shots: int = 1) -> None:
    """Replaces the folder `target`. Raises InputError, and changes nothing, if a picture is broken.

    The simulated pictures depend only on the pictures and their names.
    """
    for source in (pictures, *given):
        if not Path(source).is_dir():
            raise InputError(f"{source} is not a folder")
    with files.atomic_write(target) as folder:
        for side, source in zip(SIDES, given):  # noqa: B905  # there may be none
            shutil.copytree(source, folder / side / "given")
        for source in dict.fromkeys((pictures, *given[:1])):
            for name in picture_files.list_files(source):
                pixels = picture_files.read_pixels(f"{source}/{name}", "rgb")
                if (folder / SIDES[0] / "simulated" / f"{name}.0.png").exists():
                    raise InputError(f"{pictures} and {source} both have {name}: rename one")
                for shot in range(shots):
                    pair = take_picture(pixels, [*name.encode(errors="surrogateescape"), shot])
                    for side, version in zip(SIDES, pair, strict=True):
                        path = folder / side / "simulated" / f"{name}.{shot}.png"
                        path.parent.mkdir(parents=True, exist_ok=True)
                        Image.fromarray(version).save(path, compress_level=1)  # for speed


if __name__ == "__main__":
    sys.exit(run_main(main))
