"""Augments training images: the same flip and shift for an image and its noisy copy."""

import math
from typing import Any

import numpy as np
from keras import ops


def augment(arrays: tuple[Any, ...], rng: Any, flip: bool, shift: int) -> tuple[Any, ...]:
    """Flips and shifts images at random, row i of each array in the same way.

    The arrays are tensors of shape (n, side*side); `rng` is a `DeviceGenerator`. With `flip`, an
    image is mirrored left to right with probability 1/2. It is shifted by up to `shift` pixels
    vertically and horizontally; all shifts are equally likely, and pixels that enter the image
    repeat its edge.
    """
    count, side = ops.shape(arrays[0])[0], math.isqrt(arrays[0].shape[1])
    flipped = rng.random((count, 1)) < 0.5 * flip
    down = rng.integers(-shift, shift, (count, 1), endpoint=True)
    right = rng.integers(-shift, shift, (count, 1), endpoint=True)
    index = np.arange(side, dtype=np.int32)
    rows = ops.clip(index + down, 0, side - 1)
    columns = ops.clip(ops.where(flipped, index[::-1], index) + right, 0, side - 1)
    pixels = ops.reshape(rows[:, :, None] * side + columns[:, None, :], (count, side**2))
    return tuple(ops.take_along_axis(array, pixels, axis=1) for array in arrays)
