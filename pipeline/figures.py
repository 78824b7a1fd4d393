"""Draws rows of images, and saves them as PNGs with reproducible bytes.

The user's settings of Matplotlib have no effect.
"""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from denoiser.base.images import Float32, Float64


@mpl.rc_context(mpl.rcParamsDefault)
def rows(images: Mapping[str, Float32], psnr: Float64, title: str, colormap: str) -> Figure:
    """A figure with a labelled row for each array of images, shape (n, height, width, channels).

    Values outside of [0, 1] are clipped. `psnr`, in dB, shape (n,), is written below the columns.
    `colormap` is the name of a Matplotlib colormap for gray images.
    """
    figure = Figure(figsize=(len(psnr) + 1, len(images) + 0.9), layout="constrained")
    axes = figure.subplots(len(images), len(psnr), squeeze=False)
    figure.suptitle(title)
    for (label, array), row in zip(images.items(), axes, strict=True):
        row[0].set_ylabel(label)
        for image, axis in zip(np.clip(array, 0, 1), row, strict=True):
            axis.imshow(image, cmap=colormap, vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
    for value, axis in zip(psnr, axes[-1], strict=True):
        axis.set_xlabel(f"{value:.1f} dB")
    return figure


@mpl.rc_context(mpl.rcParamsDefault)
def save(figure: Figure, file: Path) -> None:
    """Writes a PNG without metadata."""
    figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
