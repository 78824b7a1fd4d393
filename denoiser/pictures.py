"""Draws rows of images and charts of the scores, and saves them so that their bytes repeat."""

import math
from collections.abc import Mapping
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

matplotlib.use("Agg")
matplotlib.rcdefaults()  # a person's own matplotlibrc has no say in the pictures


def rows(
    images: Mapping[str, npt.NDArray[np.float32]], psnr: npt.NDArray[np.float64], title: str
) -> Figure:
    """A labelled row for each kind of image, with the PSNR (dB) of each column below it.

    Each kind has shape (n, side*side), in [0, 1]; `psnr` has shape (n,).
    """
    size = len(psnr) + 1, len(images) + 0.9
    figure, axes = plt.subplots(
        len(images), len(psnr), figsize=size, squeeze=False, layout="constrained"
    )
    figure.suptitle(title)
    for (name, kind), row in zip(images.items(), axes, strict=True):
        row[0].set_ylabel(name)
        side = math.isqrt(kind.shape[1])
        for image, axis in zip(kind, row, strict=True):
            axis.imshow(image.reshape(side, side), cmap="binary", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
    for value, axis in zip(psnr, axes[-1], strict=True):
        axis.set_xlabel(f"{value:.1f} dB")
    return figure


def losses(curves: Mapping[str, pd.Series]) -> Figure:
    """A curve for each name; each has a loss for every epoch, which is its index."""
    figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for label, curve in curves.items():
        axis.plot(curve.index, curve, label=label)
    axis.set(title="Loss", xlabel="epoch", ylabel="loss")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    axis.legend()
    return figure


def by_class(psnr: pd.DataFrame) -> Figure:
    """The mean PSNR (dB) of each class: a row a class, the columns `noisy` and `denoised`."""
    figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
    psnr.plot.bar(ax=axis, rot=0, color=["tab:gray", "tab:blue"], legend=False)
    axis.set(title="PSNR by class, validation images", xlabel="class", ylabel="PSNR (dB)")
    figure.legend(["noisy", "denoised"], loc="outside right upper")
    axis.grid(axis="y", alpha=0.3)
    return figure


def by_method(psnr: pd.Series) -> Figure:
    """The mean PSNR (dB) of each method, which is its index; a bar each, from the top down."""
    figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
    colors = ["tab:blue" if method == "model" else "tab:gray" for method in psnr.index]
    bars = axis.barh(psnr.index, psnr, color=colors)
    axis.bar_label(bars, fmt="%.2f", padding=3)
    axis.set(title="PSNR by method, validation images", xlabel="PSNR (dB)")
    axis.margins(x=0.1)
    axis.grid(axis="x", alpha=0.3)
    return figure


def curves(charts: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """A chart for each table, with a curve for each of its columns, over its index."""
    columns = math.ceil(math.sqrt(len(charts)))
    rows = math.ceil(len(charts) / columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(3.2 * columns, 2.6 * rows + 0.6),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    figure.suptitle(title)
    for axis in axes.flat[len(charts) :]:
        axis.remove()
    for (name, table), axis in zip(charts.items(), axes.flat, strict=False):
        table.plot(
            ax=axis,
            marker="o",
            color=["tab:blue", "tab:gray"],
            title=name,
            xticks=table.index.tolist(),
            legend=False,
        )
        axis.grid(alpha=0.3)
    if any(table.shape[1] > 1 for table in charts.values()):
        axes[0, 0].legend()
    return figure


def save(figure: Figure, file: Path) -> None:
    """Writes a PNG that holds the picture and nothing of who drew it; closes the figure."""
    figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
    plt.close(figure)
