"""`make photographs`: scores the preset `photos` on whole photographs, as published tables do.

It runs `python -m denoiser` on Set12 and BSD68, 8-bit pictures with Gaussian noise of 25/255 that
is not clipped, and stores the mean PSNR in experiments/photographs.csv, and a picture with parts of
photographs in experiments/photographs.png.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from denoiser import band_noise, classical, pictures, scores
from denoiser.tiles import Rows
from pipeline.base import files
from pipeline.base.errors import InputError, run_main
from pipeline.image_io import image_files
from pipeline.keras_runtime.model_files import DENOISER
from tools import experiment
from tools.command import read_cached

SIGMA = 25 / 255
SETS = {"Set12": "data/photos/Set12", "BSD68": "data/photos/BSD68"}
TABLE = experiment.PRESETS / "photographs.csv"
PICTURE = experiment.PRESETS / "photographs.png"
# A part of a photograph: the file, and the row and column of its upper left corner.
PARTS = [
    ("01.png", 50, 80),
    ("02.png", 80, 90),
    ("03.png", 100, 70),
    ("04.png", 40, 60),
    ("05.png", 80, 80),
    ("07.png", 30, 90),
    ("08.png", 230, 210),
    ("09.png", 350, 380),
]
SIDE = 96  # pixels

Images = npt.NDArray[np.float32]


def main() -> None:
    for name, folder in SETS.items():
        if not Path(folder).is_dir():
            raise InputError(f"{folder} is missing: docs/usage.md says where {name} comes from")
    commit = experiment.commit_of("photos")
    if not commit:
        raise InputError("there is no experiment 'photos': make experiment NAME=photos")
    with tempfile.TemporaryDirectory() as parent:
        model = Path(parent, "photos.keras")
        model.write_bytes(read_cached(commit, DENOISER))
        rows, denoised = {}, {}
        for label, flags in {"photos": [], "ensemble": ["--ensemble"]}.items():
            output = Path(parent, "output")
            method = f"photos with `{flags[0]}`" if flags else "photos"
            rows[method] = {
                name: mean_psnr(folder, str(output / name), str(model), *flags)
                for name, folder in SETS.items()
            }
            denoised[label] = parts(stored(output / "Set12"))
    with files.atomic_write(TABLE) as path:
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
        table.to_csv(path)
    draw(denoised)


def mean_psnr(folder: str, output: str, model: str, *flags: str) -> float:
    """The mean PSNR in dB of the pictures of a folder, denoised by the command line."""
    command = [sys.executable, "-m", "denoiser", folder, "-o", output, "--model", model]
    command += ["--noisy", f"gaussian:{SIGMA}", "--unclipped", *flags]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    print(done.stderr, file=sys.stderr)
    found = re.search(r"mean of \d+ pictures: .* ([\d.]+) dB denoised", done.stderr)
    if done.returncode or found is None:
        raise InputError(f"{folder} cannot be scored, see above")
    return float(found[1])


def stored(folder: str | Path) -> Callable[[str], Rows]:
    """A function that returns the rows of a photograph in a folder, given its file name."""
    return lambda name: image_files.read(f"{folder}/{name}").rows


def noisy(name: str) -> Rows:
    """The rows of a photograph of Set12 with the noise that the command line adds."""
    picture = image_files.read(f"{SETS['Set12']}/{name}")
    return band_noise.noisy_rows(picture.rows, picture.shape[0], "gaussian", SIGMA, clip=False)


def parts(rows_of: Callable[[str], Rows]) -> Images:
    """The PARTS of photographs, shape (n, SIDE*SIDE), given the rows of each by its file name."""
    return np.stack(
        [rows_of(name)(top, top + SIDE)[:, left : left + SIDE].ravel() for name, top, left in PARTS]
    )


def draw(denoised: dict[str, Images]) -> None:
    """Draws the PARTS through each method."""
    clean, noisy_images = parts(stored(SETS["Set12"])), parts(noisy)
    _, nlm = classical.tune_filter("nlm", noisy_images, clean)
    images = {"original": clean, "noisy": noisy_images, "nlm": nlm(noisy_images), **denoised}
    psnr = scores.score(clean, list(denoised.values())[-1])["psnr"]
    title = "Parts of Set12 through each method, and the PSNR of the ensemble"
    pictures.save(pictures.rows(images, psnr, title, "gray"), PICTURE)


if __name__ == "__main__":
    sys.exit(run_main(main))
