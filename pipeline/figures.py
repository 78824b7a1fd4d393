"""Draws rows of images, and saves them as PNGs with reproducible bytes."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

matplotlib.use("Agg")
matplotlib.rcdefaults()  # the user's matplotlibrc must not affect the pictures


def rows(
    images: Mapping[str, npt.NDArray[np.float32]],
    psnr: npt.NDArray[np.float64],
    title: str,
    colormap: str,
) -> Figure:
    """A figure with a labelled row for each array of images, shape (n, height, width, channels).

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
        for image, axis in zip(np.clip(array, 0, 1), row, strict=True):
            axis.imshow(image, cmap=colormap, vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
    for value, axis in zip(psnr, axes[-1], strict=True):
        axis.set_xlabel(f"{value:.1f} dB")
    return figure


def save(figure: Figure, file: Path) -> None:
    """Writes a PNG without metadata and closes the figure."""
    figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
    plt.close(figure)
