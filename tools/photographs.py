"""`make photographs`: scores the models that come with the package on whole photographs.

Each model denoises each set of photographs that is in data/photos, beside non-local means of
OpenCV; and photographs of cameras beside BM3D (Dabov et al., "Image denoising by sparse 3-D
transform-domain collaborative filtering", 2007), in the same run. The mean PSNR and the seconds per
megapixel are stored in presets/photographs.csv, and parts of photographs in
presets/photographs.png.

The model `photo` was trained on the photographs of cameras. Each of these is denoised by a model of
the FOLDS, which has not seen its camera, and is otherwise trained like `photo`.
"""

import fnmatch
import functools
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd
import yaml
from PIL import Image, ImageDraw

from denoiser import picture_files
from denoiser.base import files
from denoiser.base.errors import InputError
from denoiser.base.images import Float32
from denoiser.model import MODELS, Denoiser
from pipeline import scores
from pipeline.base import noise, params
from pipeline.base.process import run_main
from tools.command import read_cached, read_committed
from tools.experiment import PRESETS, commit_of
from tools.measurements import processor
from training.onnx_export import DENOISER

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
FOLDS = ("photo-fold-1", "photo-fold-2", "photo-fold-3")
# Parts of PolyU, one flat and one with edges: the start of the file's name, and the row and
# column of the upper left corner.
PARTS = [("Canon5D2_5_160_6400_desk_10", 150, 40), ("Canon5D2_5_160_6400_bicycle_6", 60, 20)]
SIDE, ZOOM, MARGIN = 88, 3, 18  # of a part, in pixels; its enlargement; the height of the labels


class Pair(NamedTuple):
    """A photograph without and with noise."""

    name: str
    clean: Float32
    noisy: Float32


Method = Callable[[Pair], Float32]


def main() -> None:
    sets = [name for name in SETS if (FOLDER / name).is_dir()]
    if not sets:
        raise InputError(f"{FOLDER} has no photographs: docs/denoise.md says where they come from")
    denoisers = {name: Denoiser(name) for name in MODELS}
    # Models for scans are gray.
    models = {
        name: on_noisy(denoiser) for name, denoiser in denoisers.items() if denoiser.channels == 3
    }
    rows = []

    def add_row(name: str, kind: str, method: str, row: dict[str, Any]) -> None:
        rows.append({"set": name, "noise": kind, "method": method} | row)
        print(rows[-1], flush=True)

    for name in sets:
        for kind in SETS[name]:
            pairs = read_pairs(name, kind)
            methods = dict(models)
            if name == REAL_SET:
                methods["photo"] = unseen(FOLDS)
            if kind != "none":
                methods["nlm"] = tune_nlm(pairs[:TUNING_PICTURES])
            for method, denoise in methods.items():
                add_row(name, kind, method, measure(denoise, pairs))
            if kind == "camera":
                methods["bm3d"] = on_noisy(block_matching)
                slow = measure(methods["bm3d"], pairs, BM3D_SECONDS)
                add_row(name, kind, "bm3d", slow)
                same = measure(methods["photo"], pairs[: slow["pictures"]])
                add_row(name, kind, "photo, same pictures", same)
                draw(pairs, methods)
    with files.atomic_write(TABLE) as path:
        table = pd.DataFrame(rows).assign(processor=processor())
        if TABLE.exists():  # keeps the rows of sets that are not there
            before = pd.read_csv(TABLE)
            table = pd.concat([before[~before["set"].isin(table["set"])], table])
        table.to_csv(path, index=False, float_format="%.4g")


def on_noisy(denoise: Callable[[Float32], Float32]) -> Method:
    """The method that applies a function to the noisy photograph of a pair."""
    return lambda pair: denoise(pair.noisy)


def unseen(presets: Sequence[str]) -> Method:
    """Denoises each photograph by the model whose split.validation_pictures match its name.

    The models are those of DVC experiments. Raises InputError if one does not exist, or for a
    photograph that all were trained on.
    """
    models = list[tuple[list[str], Denoiser]]()
    for preset in presets:
        if not (commit := commit_of(preset)):
            raise InputError(f"the experiment {preset} is missing: make experiment NAME={preset}")
        split = yaml.safe_load(read_committed(commit, params.FILE))["split"]
        with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
            file.write(read_cached(commit, DENOISER))
            file.flush()
            models.append((split["validation_pictures"], Denoiser(file.name)))

    def denoise(pair: Pair) -> Float32:
        for patterns, model in models:
            if any(fnmatch.fnmatchcase(pair.name, pattern) for pattern in patterns):
                return model(pair.noisy)
        raise InputError(f"{pair.name}: each of {', '.join(presets)} was trained on this picture")

    return denoise


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
    pixels, start = 0, time.perf_counter()
    while len(psnrs) < len(pairs) and time.perf_counter() - start < seconds:
        pair = pairs[len(psnrs)]
        psnrs.append(psnr(pair.clean, np.clip(denoise(pair), 0, 1)))
        noisy_psnrs.append(psnr(pair.clean, pair.noisy))
        pixels += pair.clean[:, :, 0].size
    duration = (time.perf_counter() - start) / (pixels / 1e6)
    means = {"noisy_psnr": np.mean(noisy_psnrs), "psnr": np.mean(psnrs)}
    least = min(np.subtract(psnrs, noisy_psnrs))
    sizes = {"pictures": len(psnrs), "megapixels": pixels / 1e6 / len(psnrs)}
    return sizes | means | {"least_gain": least, "seconds_per_megapixel": duration}


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

    strength = max(NLM_STRENGTHS, key=mean_psnr)
    return on_noisy(functools.partial(non_local_means, strength=strength))


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
    """Draws the PARTS of photographs, enlarged: noisy, and denoised by two methods."""
    columns: dict[str, Method] = {"noisy": lambda pair: pair.noisy}
    columns |= {name: methods[name] for name in ("bm3d", "photo")}
    step = SIDE * ZOOM
    sheet = Image.new("RGB", (step * len(columns), MARGIN + step * len(PARTS)), "white")
    for row, (start, top, left) in enumerate(PARTS):
        pair = next(pair for pair in pairs if pair.name.startswith(start))
        for column, (name, method) in enumerate(columns.items()):
            part = np.clip(method(pair), 0, 1)[top : top + SIDE, left : left + SIDE]
            picture = Image.fromarray(np.rint(part * 255).astype(np.uint8))
            picture = picture.resize((step, step), Image.Resampling.NEAREST)
            sheet.paste(picture, (step * column, MARGIN + step * row))
            ImageDraw.Draw(sheet).text((step * column + 4, 4), name, fill="black")
    with files.atomic_write(FIGURE) as path:
        sheet.save(path, "PNG")


if __name__ == "__main__":
    sys.exit(run_main(main))
