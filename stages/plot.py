"""Draws rows of images: the first, the worst and the best ones, and those of each method.

DVC draws the charts, as dvc.yaml declares them.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from denoiser.base.files import atomic_write
from pipeline import figures
from pipeline.base import npy, params

VARIANTS = {"original": "data/split", "noisy": "data/noisy", "denoised": "data/denoised"}


def main() -> None:
    plot = params.read(params.Plot)
    scores = pd.read_csv("data/scores/per_image.csv").groupby("split")["psnr_denoised"]
    val, test = (scores.get_group(split).to_numpy() for split in ("val", "test"))
    count = min(plot.images, len(val))
    ranked = np.argsort(val, kind="stable")
    selections = {
        "first": (np.arange(count), "The first validation images"),
        "worst": (ranked[:count], "The worst denoised validation images, worst first"),
        "best": (ranked[::-1][:count], "The best denoised validation images, best first"),
    }
    methods = pd.read_csv("metrics/methods.csv")["method"]
    with atomic_write("metrics/plots") as folder:
        folder.mkdir()
        for name, (rows, title) in selections.items():
            images = {label: read(f"{path}/x_val.npy", rows) for label, path in VARIANTS.items()}
            figure = figures.rows(images, val[rows], title, plot.colormap)
            figures.save(figure, folder / f"{name}.png")
        rows = np.arange(min(count, len(test)))
        images = {label: read(path, rows) for label, path in method_image_paths(methods).items()}
        title = "The first test images through each method, and the PSNR of the model"
        figure = figures.rows(images, test[rows], title, plot.colormap)
        figures.save(figure, folder / "methods.png")


def method_image_paths(methods: Iterable[str]) -> dict[str, str]:
    """The file with the test images of each method, preceded by that of the clean images."""
    network = {"noisy input": "data/noisy/x_test.npy", "model": "data/denoised/x_test.npy"}
    paths = {method: network.get(method, f"data/baselines/{method}.npy") for method in methods}
    return {"original": "data/split/x_test.npy"} | paths


def read(path: str, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """The images with these indices, shape (n, height, width, channels)."""
    return npy.open_npy(path)[rows]
