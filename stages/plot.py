"""Stage 8: draws the guide's pictures (rows of images, losses), the extremes, PSNR by class."""

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
    scores = pd.read_csv("data/scores/per_image.csv").query("split == 'val'")
    if count > len(scores):
        raise StageError(
            f"params.yaml: plot.images is {count}, but there are {len(scores)} validation images"
        )
    psnr = scores["psnr_denoised"].to_numpy()
    ranked = scores.sort_values("psnr_denoised", kind="stable")["image"].to_numpy()
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
    with files.replacing("metrics/plots") as folder:
        folder.mkdir()
        for name, (which, title) in chosen.items():
            images = {kind: take(f"{path}/x_val.npy", which) for kind, path in ROWS.items()}
            pictures.save(pictures.rows(images, psnr[which], title), folder / f"{name}.png")
        pictures.save(pictures.losses(losses), folder / "losses.png")
        columns = classes[["val_psnr_noisy", "val_psnr_denoised"]]
        pictures.save(pictures.by_class(columns), folder / "psnr_by_class.png")


def take(path: str, which: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """These images of a file, shape (n, pixels)."""
    with files.NpyReader(path) as images:
        return images[which]


if __name__ == "__main__":
    run(main)
