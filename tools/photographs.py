"""`make photographs`: scores the models that come with the package on whole photographs.

Each model denoises each set of photographs that is in data/photos, beside non-local means of
OpenCV; and photographs of cameras beside BM3D (Dabov et al., "Image denoising by sparse 3-D
transform-domain collaborative filtering", 2007), in the same run. The mean PSNR and the seconds per
picture are stored in presets/photographs.csv, and parts of photographs in
presets/photographs.png.
"""

import functools
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd

from denoiser import picture_files
from denoiser.base import files
from denoiser.base.errors import InputError
from denoiser.base.images import Float32
from denoiser.model import MODELS, Denoiser
from pipeline import figures, scores
from pipeline.base import noise
from pipeline.base.process import run_main
from tools.experiment import PRESETS
from tools.measurements import processor

FOLDER = Path("data/photos")
SIGMAS = ("15", "25", "50")  # standard deviations of Gaussian noise, in levels of 255
REAL_SET = "PolyU"  # has a folder `clean` and a folder `noisy`
# The noises of each set. none: the PSNR shows how much a model changes a picture without noise.
SETS = {
    "Set12": SIGMAS,
    "BSD68": SIGMAS,
    "CBSD68": (*SIGMAS, "none"),
    REAL_SET: ("none", "camera"),
}
SEED = 42  # of the noise
NLM_STRENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
TUNING_PICTURES = 4
BM3D_SECONDS = 400  # it takes too long for all pictures
BM3D_SIGMA = 15 / 255  # the best one of a few for PolyU
TABLE, FIGURE = PRESETS / "photographs.csv", PRESETS / "photographs.png"
SIDE = 96  # pixels
# Parts of PolyU: the start of the file's name, and the row and column of the upper left corner.
PARTS = [
    ("Canon5D2_5_160_3200_plug_11", 100, 120),
    ("Canon5D2_5_160_6400_bicycle_10", 120, 20),
    ("Nikon", 200, 200),
    ("Sony", 200, 200),
    ("Canon80D", 200, 200),
    ("Canon600D", 200, 200),
]

Method = Callable[[Float32], Float32]


class Pair(NamedTuple):
    """A photograph without and with noise."""

    name: str
    clean: Float32
    noisy: Float32


def main() -> None:
    sets = [name for name in SETS if (FOLDER / name).is_dir()]
    if not sets:
        raise InputError(f"{FOLDER} has no photographs: docs/denoise.md says where they come from")
    denoisers = {name: Denoiser(name) for name in MODELS}
    # Models for scans are gray.
    models: dict[str, Method] = {
        name: denoiser for name, denoiser in denoisers.items() if denoiser.channels == 3
    }
    rows = []

    def add_row(name: str, kind: str, method: str, row: dict[str, Any]) -> None:
        rows.append({"set": name, "noise": kind, "method": method} | row)
        print(rows[-1], flush=True)

    for name in sets:
        for kind in SETS[name]:
            pairs = read_pairs(name, kind)
            methods = dict(models)
            if kind != "none":
                methods["nlm"] = tune_nlm(pairs[:TUNING_PICTURES])
            for method, denoise in methods.items():
                add_row(name, kind, method, measure(denoise, pairs))
            if kind == "camera":
                slow = measure(block_matching, pairs, BM3D_SECONDS)
                add_row(name, kind, "bm3d", slow)
                same = measure(models["photo"], pairs[: slow["pictures"]])
                add_row(name, kind, "photo, same pictures", same)
                draw(pairs, methods | {"bm3d": block_matching})
    with files.atomic_write(TABLE) as path:
        table = pd.DataFrame(rows).assign(processor=processor())
        if TABLE.exists():  # keeps the rows of sets that are not there
            before = pd.read_csv(TABLE)
            table = pd.concat([before[~before["set"].isin(table["set"])], table])
        table.to_csv(path, index=False, float_format="%.4g")


def read_pairs(name: str, kind: str) -> list[Pair]:
    """The photographs of a set with one of its noises, in random order."""
    clean = read(FOLDER / name / "clean" if name == REAL_SET else FOLDER / name)
    if kind == "camera":
        noisy = read(FOLDER / name / "noisy")
    elif kind == "none":
        noisy = clean
    else:
        noisy = {file: add_noise(image, float(kind)) for file, image in clean.items()}
    files_in_order = sorted(clean)
    np.random.default_rng(SEED).shuffle(files_in_order)
    return [Pair(file, clean[file], noisy[file]) for file in files_in_order]


def measure(denoise: Method, pairs: list[Pair], seconds: float = math.inf) -> dict[str, Any]:
    """The scores of a method on the pictures that it denoises within a time."""
    psnrs, noisy_psnrs = list[float](), list[float]()
    start = time.perf_counter()
    while len(psnrs) < len(pairs) and time.perf_counter() - start < seconds:
        pair = pairs[len(psnrs)]
        psnrs.append(psnr(pair.clean, np.clip(denoise(pair.noisy), 0, 1)))
        noisy_psnrs.append(psnr(pair.clean, pair.noisy))
    duration = (time.perf_counter() - start) / len(psnrs)
    means = {"noisy_psnr": np.mean(noisy_psnrs), "psnr": np.mean(psnrs)}
    least = min(np.subtract(psnrs, noisy_psnrs))
    return {"pictures": len(psnrs)} | means | {"least_gain": least, "seconds": duration}


def psnr(clean: Float32, image: Float32) -> float:
    return float(scores.psnr(clean[None].astype(np.float64), image[None].astype(np.float64))[0])


def read(folder: Path) -> dict[str, Float32]:
    """All photographs of a folder by name."""
    names = picture_files.list_files(str(folder))
    return {name: picture_files.read(f"{folder}/{name}").image() for name in names}


def add_noise(image: Float32, sigma: float) -> Float32:
    """A photograph with Gaussian noise that is not clipped."""
    rng = np.random.default_rng(SEED)
    noisy: Float32 = noise.add_noise(image[None], "gaussian", sigma / 255, rng, clip=False)[0]
    return noisy


def tune_nlm(pairs: list[Pair]) -> Method:
    """Non-local means of OpenCV with the best strength for these pictures."""

    def mean_psnr(strength: float) -> float:
        denoised = ((pair.clean, non_local_means(pair.noisy, strength)) for pair in pairs)
        return float(np.mean([psnr(*images) for images in denoised]))

    return functools.partial(non_local_means, strength=max(NLM_STRENGTHS, key=mean_psnr))


def non_local_means(image: Float32, strength: float) -> Float32:
    """Non-local means of OpenCV, which takes 8 bits."""
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    if pixels.shape[2] == 1:
        denoised = cv2.fastNlMeansDenoising(pixels[:, :, 0], None, strength)[:, :, None]
    else:
        denoised = cv2.fastNlMeansDenoisingColored(pixels, None, strength, strength)
    return np.asarray(denoised, np.float32) / np.float32(255)


def block_matching(image: Float32) -> Float32:
    """BM3D of the package bm3d."""
    import bm3d  # not above: `make results` imports this module without the packages of the tests

    return np.asarray(bm3d.bm3d_rgb(image, BM3D_SIGMA), np.float32)


def draw(pairs: list[Pair], methods: dict[str, Method]) -> None:
    """Draws the PARTS of the photographs with camera noise through each method."""

    def part(image: Float32, top: int, left: int) -> Float32:
        return image[top : top + SIDE, left : left + SIDE]

    found = [
        (pair, top, left)
        for start, top, left in PARTS
        for pair in [pair for pair in pairs if pair.name.startswith(start)][:1]
    ]
    images = {
        "clean": np.stack([part(pair.clean, *corner) for pair, *corner in found]),
        "noisy": np.stack([part(pair.noisy, *corner) for pair, *corner in found]),
    }
    for name in ("nlm", "bm3d", "photo"):
        results = [part(methods[name](pair.noisy), *corner) for pair, *corner in found]
        images[name] = np.clip(np.stack(results), 0, 1)
    psnrs = scores.score(images["clean"], images["photo"])["psnr"]
    title = "Parts of photographs of PolyU, and the PSNR of photo"
    figures.save(figures.rows(images, psnrs, title, "gray"), FIGURE)


if __name__ == "__main__":
    sys.exit(run_main(main))
