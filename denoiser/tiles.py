"""Denoises images of any size with a network for square ones of one size: in overlapping tiles."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

AT_ONCE = 1 << 20  # pixels that the network sees at a time, more or less


def denoise(image: Float32, network: Callable[[Float32], Float32], side: int) -> Float32:
    """What a network for (n, side*side) makes of an image of shape (height, width), in [0, 1].

    The tiles overlap by half. Where they do, each counts the more, the farther a pixel is from
    its edges, so that no seam shows. An image smaller than a tile is mirrored to fill it; one
    that is just a tile comes out as the network has it.
    """
    height, width = image.shape
    padded = np.pad(image, ((0, max(0, side - height)), (0, max(0, side - width))), "symmetric")
    places = [(y, x) for y in starts(padded.shape[0], side) for x in starts(padded.shape[1], side)]
    edge = np.minimum(np.arange(side), np.arange(side)[::-1]) + 1.0
    weight = np.outer(edge, edge).astype(np.float32)
    sums, weights = np.zeros_like(padded), np.zeros_like(padded)
    count = max(1, AT_ONCE // side**2)
    for first in range(0, len(places), count):
        some = places[first : first + count]
        tiles = np.stack([padded[y : y + side, x : x + side].ravel() for y, x in some])
        for (y, x), tile in zip(some, network(tiles), strict=True):
            sums[y : y + side, x : x + side] += weight * tile.reshape(side, side)
            weights[y : y + side, x : x + side] += weight
    blended: Float32 = np.clip(sums / weights, 0, 1)[:height, :width]
    return blended


def starts(length: int, side: int) -> list[int]:
    """Where tiles of `side` begin along a line of `length`, at least `side`: all of it in tiles."""
    return [*range(0, length - side, max(1, side // 2)), length - side]
