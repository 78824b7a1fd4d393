"""`make photographs`: scores the preset `photos` on whole photographs, as published tables do.

The photographs of Set12 and BSD68 get Gaussian noise of 25/255 that is not clipped. The mean PSNR
is stored in experiments/photographs.csv, and a picture with parts of photographs in
experiments/photographs.png.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from denoiser import classical, files, noise, picture_files, scores
from denoiser.command import SEED
from denoiser.errors import InputError
from denoiser.model import DENOISER, Denoiser
from pipeline import figures
from pipeline.process import run_main
from tools import experiment
from tools.command import read_cached

SIGMA = 25 / 255
SETS = {"Set12": "data/photos/Set12", "BSD68": "data/photos/BSD68"}
METHODS = {"photos": False, "photos with `--ensemble`": True}
TABLE = experiment.PRESETS / "photographs.csv"
PICTURE = experiment.PRESETS / "photographs.png"
# A part of a photograph of Set12: the file, and the row and column of its upper left corner.
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

Image = npt.NDArray[np.float32]  # (height, width, channels), in [0, 1] unless noisy
Photographs = dict[str, Image]  # by the name of the file


def main() -> None:
    for name, folder in SETS.items():
        if not Path(folder).is_dir():
            raise InputError(f"{folder} is missing: docs/usage.md says where {name} comes from")
    commit = experiment.commit_of("photos")
    if not commit:
        raise InputError("there is no experiment 'photos': make experiment NAME=photos")
    with tempfile.TemporaryDirectory() as parent:
        model = Path(parent, "photos.onnx")
        model.write_bytes(read_cached(commit, DENOISER))
        denoiser = Denoiser(str(model))
    clean = {name: read(folder) for name, folder in SETS.items()}
    noisy = {name: {file: add_noise(image) for file, image in clean[name].items()} for name in SETS}
    images = {"original": parts(clean["Set12"]), "noisy": parts(noisy["Set12"])}
    images["nlm"] = classical.TUNED["nlm"](images["noisy"], images["original"])[1](images["noisy"])
    table = pd.DataFrame(index=pd.Index(METHODS, name="method"))
    for (method, average), label in zip(METHODS.items(), ("photos", "ensemble"), strict=True):
        for name in SETS:
            results = {
                file: np.clip(np.concatenate(list(denoiser(image, average))), 0, 1)
                for file, image in noisy[name].items()
            }
            psnr = mean_psnr(clean[name], results)
            table.loc[method, name] = round(psnr, 2)
            print(f"{name}, {method}: {psnr:.2f} dB", flush=True)
            if name == "Set12":
                images[label] = parts(results)
    with files.atomic_write(TABLE) as path:
        table.to_csv(path)
    psnrs = scores.score(images["original"], images["ensemble"])["psnr"]
    title = "Parts of Set12 through each method, and the PSNR of the ensemble"
    figures.save(figures.rows(images, psnrs, title, "gray"), PICTURE)


def read(folder: str) -> Photographs:
    """All photographs of a folder."""
    names = picture_files.list_files(folder)
    return {name: picture_files.read(f"{folder}/{name}").image() for name in names}


def add_noise(image: Image) -> Image:
    """A photograph with the noise that the command line adds."""
    rng = np.random.default_rng(SEED)
    noisy: Image = noise.add_noise(image[None], "gaussian", SIGMA, rng, clip=False)[0]
    return noisy


def mean_psnr(clean: Photographs, denoised: Photographs) -> float:
    """The mean PSNR in dB of photographs of any sizes."""
    pairs = ((clean[name][None], image[None]) for name, image in denoised.items())
    return float(scores.score_all(pairs)["psnr"].mean())


def parts(photographs: Photographs) -> Image:
    """The PARTS of photographs, shape (n, SIDE, SIDE, 1)."""
    return np.stack(
        [photographs[file][top : top + SIDE, left : left + SIDE] for file, top, left in PARTS]
    )


if __name__ == "__main__":
    sys.exit(run_main(main))
