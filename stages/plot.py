"""Stage 8: draws the guide's pictures (rows of images, losses), the extremes, PSNR by class."""

import math
from pathlib import Path
from typing import Annotated, Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.ticker import MaxNLocator
from pydantic import Field

from stages import files, params
from stages.errors import StageError
from stages.process import run

ROWS = {"original": "data/split", "noisy": "data/noisy", "denoised": "data/denoised"}


class Plot(params.Section):
    """The section `plot`."""

    images: Annotated[int, Field(ge=1, le=100)]


def main() -> None:
    matplotlib.use("Agg")
    matplotlib.rcdefaults()  # a person's own matplotlibrc has no say in the pictures
    count = params.read("plot", Plot).images
    scores = pd.read_csv("data/scores/per_image.csv").query("split == 'val'")
    if count > len(scores):
        raise StageError(
            f"params.yaml: plot.images is {count}, but there are {len(scores)} validation images"
        )
    ranked = scores.sort_values("psnr_denoised", kind="stable")["image"].to_numpy()
    pictures = {
        "first": (np.arange(count), "The first validation images"),
        "worst": (ranked[:count], "The worst denoised validation images, worst first"),
        "best": (ranked[::-1][:count], "The best denoised validation images, best first"),
    }
    with files.replacing("metrics/plots") as folder:
        folder.mkdir()
        for name, (which, title) in pictures.items():
            save(
                draw_images(which, scores["psnr_denoised"].to_numpy(), title),
                folder / f"{name}.png",
            )
        save(draw_losses(), folder / "losses.png")
        save(draw_by_class(), folder / "psnr_by_class.png")


def draw_images(which: npt.NDArray[np.intp], psnr: npt.NDArray[np.float64], title: str) -> Any:
    """Three labelled rows: these images original, noisy and denoised, with the PSNR below each."""
    figure, axes = plt.subplots(
        len(ROWS), len(which), figsize=(len(which) + 1, 3.9), squeeze=False, layout="constrained"
    )
    figure.suptitle(title)
    for (name, folder), row in zip(ROWS.items(), axes, strict=True):
        row[0].set_ylabel(name)
        with files.NpyReader(f"{folder}/x_val.npy") as images:
            side = math.isqrt(images.shape[1])
            for image, axis in zip(images.take(which), row, strict=True):
                axis.imshow(image.reshape(side, side), cmap="binary", vmin=0, vmax=1)
                axis.set(xticks=[], yticks=[])
    for index, axis in zip(which, axes[-1], strict=True):
        axis.set_xlabel(f"{psnr[index]:.1f} dB")
    return figure


def draw_losses() -> Any:
    """The training and validation loss of each epoch."""
    figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, label in (("loss", "training"), ("val_loss", "validation")):
        table = pd.read_csv(f"metrics/training/plots/metrics/{name}.tsv", sep="\t")
        axis.plot(table["step"], table[name], label=label)
    axis.set(title="Loss", xlabel="epoch", ylabel="loss")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    axis.legend()
    return figure


def draw_by_class() -> Any:
    """The mean PSNR of each class of the validation images, before and after."""
    table = pd.read_csv("metrics/by_class.csv", index_col="label")
    figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
    columns = ["val_psnr_noisy", "val_psnr_denoised"]
    table[columns].plot.bar(ax=axis, rot=0, color=["tab:gray", "tab:blue"], legend=False)
    axis.set(title="PSNR by class, validation images", xlabel="class", ylabel="PSNR (dB)")
    figure.legend(["noisy", "denoised"], loc="outside right upper")
    axis.grid(axis="y", alpha=0.3)
    return figure


def save(figure: Any, path: Path) -> None:
    """Writes a PNG that holds the picture and nothing of who drew it."""
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    run(main)
