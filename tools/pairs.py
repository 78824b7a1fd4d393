"""`python -m tools.pairs FOLDER PICTURES [CLEAN NOISY]`: a training set of pairs of pictures.

Writes clean pictures to FOLDER/clean and their noisy copies to FOLDER/noisy: the given pairs as
given/…, and developments of PICTURES and CLEAN by a simulated camera as simulated/… The share of
each in a batch is its share of the squares into which `load` cuts the pictures.
"""

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
    if len(sys.argv) not in (3, 5):
        raise InputError("usage: python -m tools.pairs FOLDER PICTURES [CLEAN NOISY]")
    write(*sys.argv[1:])


def write(target: str, pictures: str, *given: str) -> None:
    """Replaces the folder `target`. Raises InputError, and changes nothing, if a picture is broken.

    The simulated pictures depend only on the pictures and their names; on another processor, some
    of their values differ by rounding.
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
                pair = take_picture(pixels, [*name.encode(errors="surrogateescape"), 0])
                for side, version in zip(SIDES, pair, strict=True):
                    path = folder / side / "simulated" / f"{name}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    if path.exists():
                        raise InputError(f"{pictures} and {source} both have {name}: rename one")
                    Image.fromarray(version).save(path, compress_level=1)  # for speed


if __name__ == "__main__":
    sys.exit(run_main(main))
