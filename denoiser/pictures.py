"""Draws rows of images and line charts, and saves them as PNGs with reproducible bytes."""

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

from denoiser.layout import to_squares

matplotlib.use("Agg")
matplotlib.rcdefaults()  # the user's matplotlibrc must not affect the pictures


def rows(
    images: Mapping[str, npt.NDArray[np.float32]],
    psnr: npt.NDArray[np.float64],
    title: str,
    colormap: str,
) -> Figure:
    """A figure with a labelled row for each array of images, as in layout.py.

    Values outside of [0, 1] are clipped. `psnr`, in dB, shape (n,), is written below the columns.
    `colormap` is the name of a Matplotlib colormap for gray images.
    """
    size = len(psnr) + 1, len(images) + 0.9
    figure, axes = plt.subplots(
        len(images), len(psnr), figsize=size, squeeze=False, layout="constrained"
    )
    figure.suptitle(title)
    for (label, array), row in zip(images.items(), axes, strict=True):
        row[0].set_ylabel(label)
        for image, axis in zip(to_squares(np.clip(array, 0, 1)), row, strict=True):
            axis.imshow(image, cmap=colormap, vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
    for value, axis in zip(psnr, axes[-1], strict=True):
        axis.set_xlabel(f"{value:.1f} dB")
    return figure


def curves(charts: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """A figure with a titled line chart for each table: one curve per column over its index."""
    columns = math.ceil(math.sqrt(len(charts)))
    rows = math.ceil(len(charts) / columns)
    size = max(6.0, 3.2 * columns), max(4.0, 2.6 * rows + 0.6)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, sharey=True, squeeze=False, layout="constrained"
    )
    figure.suptitle(title)
    for axis in axes.flat[len(charts) :]:
        axis.remove()
    for (name, table), axis in zip(charts.items(), axes.flat, strict=False):
        for label, curve in table.items():
            axis.plot(curve.index, curve, marker=".", label=str(label))
        axis.set_title(name)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axis.grid(alpha=0.3)
        if table.shape[1] > 1:
            axis.legend()
    return figure


def save(figure: Figure, file: Path) -> None:
    """Writes a PNG without metadata and closes the figure."""
    figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
    plt.close(figure)
