"""Varies training images: the same flip and shift for an image and its noisy copy."""

import math

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.float32]


def augment(
    arrays: tuple[Images, ...], rng: np.random.Generator, flip: bool, shift: int
) -> tuple[Images, ...]:
    """Each image mirrored left to right, or not, and moved by at most `shift` pixels each way.

    The arrays have shape (n, side*side) and belong together row by row: what becomes of an image
    is the same in each. Both are equally likely, as is each move; the edge fills what comes in.
    """
    count, side = len(arrays[0]), math.isqrt(arrays[0].shape[1])
    mirrored = rng.random((count, 1)) < 0.5 * flip
    down, right = rng.integers(-shift, shift, (2, count, 1), endpoint=True)
    place = np.arange(side)
    rows = np.clip(place + down, 0, side - 1)
    columns = np.clip(np.where(mirrored, place[::-1], place) + right, 0, side - 1)
    pixels = (rows[:, :, None] * side + columns[:, None, :]).reshape(count, -1)
    return tuple(np.take_along_axis(array, pixels, axis=1) for array in arrays)
