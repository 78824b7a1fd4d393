"""Augments training images: the same flip and shift for an image and its noisy copy."""

import math

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.float32]


def augment(
    arrays: tuple[Images, ...], rng: np.random.Generator, flip: bool, shift: int
) -> tuple[Images, ...]:
    """Flips and shifts images at random, row i of each array in the same way.

    The arrays have shape (n, side*side). With `flip`, an image is mirrored left to right with
    probability 1/2. It is shifted by up to `shift` pixels vertically and horizontally; all shifts
    are equally likely, and pixels that enter the image repeat its edge.
    """
    count, side = len(arrays[0]), math.isqrt(arrays[0].shape[1])
    flipped = rng.random((count, 1)) < 0.5 * flip
    down, right = rng.integers(-shift, shift, (2, count, 1), endpoint=True)
    index = np.arange(side)
    rows = np.clip(index + down, 0, side - 1)
    columns = np.clip(np.where(flipped, index[::-1], index) + right, 0, side - 1)
    pixels = (rows[:, :, None] * side + columns[:, None, :]).reshape(count, -1)
    return tuple(np.take_along_axis(array, pixels, axis=1) for array in arrays)
