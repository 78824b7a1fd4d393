"""Stage 12: draws rows of images (the guide's, the extremes, each method's), losses and scores."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from stages import files, params
from stages.errors import StageError
from stages.process import run

ROWS = {"original": "data/split", "noisy": "data/noisy", "denoised": "data/denoised"}
CURVES = {"training": "loss", "validation": "val_loss"}


class Plot(params.Section):
    """The section `plot`."""

    images: Annotated[int, Field(ge=1, le=100)]


def main() -> None:
    import pandas as pd  # seconds, as pictures', and `check` needs neither

    from denoiser import pictures

    count = params.read("plot", Plot).images
    scores = pd.read_csv("data/scores/per_image.csv").groupby("split")["psnr_denoised"]
    val, test = (scores.get_group(split).to_numpy() for split in ("val", "test"))
    if count > len(val):
        raise StageError(
            f"params.yaml: plot.images is {count}, but there are {len(val)} validation images"
        )
    ranked = np.argsort(val, kind="stable")
    chosen = {
        "first": (np.arange(count), "The first validation images"),
        "worst": (ranked[:count], "The worst denoised validation images, worst first"),
        "best": (ranked[::-1][:count], "The best denoised validation images, best first"),
    }
    history = "metrics/training/plots/metrics"
    losses = {
        label: pd.read_csv(f"{history}/{name}.tsv", sep="\t", index_col="step")[name]
        for label, name in CURVES.items()
    }
    classes = pd.read_csv("metrics/by_class.csv", index_col="label")
    methods = pd.read_csv("metrics/methods.csv", index_col="method")
    strengths = {
        path.stem: pd.read_csv(path, index_col="amount")[["psnr_denoised", "psnr_noisy"]].rename(
            columns=lambda name: name.removeprefix("psnr_")
        )
        for path in sorted(Path("metrics/robustness").glob("*.csv"))
    }
    with files.replacing("metrics/plots") as folder:
        folder.mkdir()
        for name, (which, title) in chosen.items():
            images = {kind: take(f"{path}/x_val.npy", which) for kind, path in ROWS.items()}
            pictures.save(pictures.rows(images, val[which], title), folder / f"{name}.png")
        which = np.arange(min(count, len(test)))
        images = {name: take(path, which) for name, path in of_methods(methods.index).items()}
        title = "The first test images through each method, and the PSNR of the model's"
        pictures.save(pictures.rows(images, test[which], title), folder / "methods.png")
        pictures.save(pictures.losses(losses), folder / "losses.png")
        columns = classes[["val_psnr_noisy", "val_psnr_denoised"]]
        pictures.save(pictures.by_class(columns), folder / "psnr_by_class.png")
        pictures.save(pictures.by_method(methods["val_psnr"]), folder / "psnr_by_method.png")
        if strengths:
            title = "PSNR (dB) by kind and amount of noise, validation images"
            pictures.save(pictures.curves(strengths, title), folder / "psnr_by_amount.png")


def of_methods(methods: Iterable[str]) -> dict[str, str]:
    """The file of each method's test images, the clean ones' first."""
    own = {"nothing": "data/noisy/x_test.npy", "model": "data/denoised/x_test.npy"}
    found = {method: own.get(method, f"data/baselines/{method}.npy") for method in methods}
    return {"original": "data/split/x_test.npy"} | found


def take(path: str, which: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """These images of a file, shape (n, pixels)."""
    with files.NpyReader(path) as images:
        return images[which]


if __name__ == "__main__":
    run(main)
