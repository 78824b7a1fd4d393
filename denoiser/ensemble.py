"""Averages a network's results over flips and rotations of the images."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from denoiser.layout import to_squares

Float32 = npt.NDArray[np.float32]
Network = Callable[[Float32], Float32]


def ensemble(images: Float32, network: Network) -> Float32:
    """The mean of the network's results over the eight flips and rotations of the images.

    Each result is rotated and flipped back before it is averaged (Timofte et al., "Seven ways to
    improve example-based single image super resolution", 2016). The images have shape
    (n, height, width, channels), or that of layout.py, (n, side·side·channels). `network` gets
    arrays of the same number of dimensions; unless the images are square, it must accept both
    (n, height, width, channels) and (n, width, height, channels).
    """
    squares = images if images.ndim == 4 else to_squares(images)
    total = np.zeros_like(squares)
    for turns in range(4):
        for step in (1, -1):
            view = np.ascontiguousarray(np.rot90(squares, turns, axes=(1, 2))[:, :, ::step])
            result = network(view if images.ndim == 4 else view.reshape(images.shape))
            total += np.rot90(result.reshape(view.shape)[:, :, ::step], -turns, axes=(1, 2))
    total /= 8
    return total.reshape(images.shape)


def predictor(network: Network, average: bool) -> Network:
    """A function of images whose result is clipped to [0, 1]: `network`, or its `ensemble`."""

    def predict(images: Float32) -> Float32:
        return np.clip(ensemble(images, network) if average else network(images), 0, 1)

    return predict
