"""Averages the results of a network for flipped and rotated images."""

from functools import partial

import numpy as np

from denoiser.base.errors import InputError
from denoiser.base.images import Float32, Network


def ensemble(images: Float32, network: Network) -> Float32:
    """The mean of the network's results over the eight flips and rotations of the images.

    Each result is rotated and flipped back before it is averaged (Timofte et al., "Seven ways to
    improve example-based single image super resolution", 2016). Images have shape
    (n, height, width, channels); unless they are square, `network` must accept both orientations.
    """
    total = np.zeros_like(images)
    for turns in range(4):
        for step in (1, -1):
            view = np.rot90(images, turns, axes=(1, 2))[:, :, ::step]
            result = network(np.ascontiguousarray(view))
            total += np.rot90(result[:, :, ::step], -turns, axes=(1, 2))
    total /= 8
    return total


def predictor(network: Network, average: bool, model: str) -> Network:
    """A function of images whose result is clipped to [0, 1]: `network`, or its `ensemble`.

    The function raises InputError, which names `model`, if the result is not finite.
    """
    denoise = partial(ensemble, network=network) if average else network
    return lambda images: np.clip(finite(denoise(images), model), 0, 1)


def finite(images: Float32, model: str) -> Float32:
    """The images, unless a value is NaN or infinite, which becomes an InputError."""
    if not np.isfinite(images).all():
        raise InputError(
            f"{model} computes values that are not finite: its training failed, or half precision "
            "is too small for such values; train it again, with train.precision=float32"
        )
    return images
