"""Denoises an image of any size in overlapping tiles of a fixed size."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

BATCH_PIXELS = 1 << 20  # pixels per call of the network, approximately


def denoise(image: Float32, network: Callable[[Float32], Float32], side: int) -> Float32:
    """Denoises an image in square tiles that overlap by half.

    Where tiles overlap, they are averaged; the weight of a pixel grows with its distance from the
    edges of the tile, so that no seams show. An image smaller than a tile is padded by mirroring.
    The image has shape (height, width), in [0, 1]; `network` denoises tiles of shape
    (n, side*side).
    """
    height, width = image.shape
    padded = np.pad(image, ((0, max(0, side - height)), (0, max(0, side - width))), "symmetric")
    corners = [(y, x) for y in starts(padded.shape[0], side) for x in starts(padded.shape[1], side)]
    distance = np.minimum(np.arange(side), np.arange(side)[::-1]) + 1.0
    weight = np.outer(distance, distance).astype(np.float32)
    sums, weights = np.zeros_like(padded), np.zeros_like(padded)
    batch_size = max(1, BATCH_PIXELS // side**2)
    for first in range(0, len(corners), batch_size):
        batch = corners[first : first + batch_size]
        tiles = np.stack([padded[y : y + side, x : x + side].ravel() for y, x in batch])
        for (y, x), tile in zip(batch, network(tiles), strict=True):
            sums[y : y + side, x : x + side] += weight * tile.reshape(side, side)
            weights[y : y + side, x : x + side] += weight
    denoised: Float32 = np.clip(sums / weights, 0, 1)[:height, :width]
    return denoised


def starts(length: int, side: int) -> list[int]:
    """Where tiles start along an axis of `length` pixels, so that they cover all of it.

    `length` is at least `side`.
    """
    return [*range(0, length - side, max(1, side // 2)), length - side]
