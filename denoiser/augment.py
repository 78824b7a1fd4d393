"""Augments training images: the same change for an image and its noisy copy."""

from typing import Any

import numpy as np
from keras import ops

from denoiser.layout import side_and_channels


def augment(
    arrays: tuple[Any, ...], rng: Any, flip: bool, shift: int, rotate: bool
) -> tuple[Any, ...]:
    """Flips, shifts and rotates images at random, row i of each array in the same way.

    The arrays are tensors in the layout of layout.py; `rng` is a `DeviceGenerator`. With `flip`, an
    image is mirrored left to right with probability 1/2. It is shifted by up to `shift` pixels
    vertically and horizontally; all shifts are equally likely, and pixels that enter the image
    repeat its edge. With `rotate`, it is rotated by 0, 90, 180 or 270 degrees.
    """
    count = ops.shape(arrays[0])[0]
    side, channels = side_and_channels(arrays[0].shape[1])
    flipped = rng.random((count, 1)) < 0.5 * flip
    down = rng.integers(-shift, shift, (count, 1), endpoint=True)
    right = rng.integers(-shift, shift, (count, 1), endpoint=True)
    index = np.arange(side, dtype=np.int32)
    rows = ops.clip(index + down, 0, side - 1)
    columns = ops.clip(ops.where(flipped, index[::-1], index) + right, 0, side - 1)
    pixels = ops.reshape(rows[:, :, None] * side + columns[:, None, :], (count, side**2))
    if rotate:
        grid = np.arange(side**2, dtype=np.int32).reshape(side, side)
        rotations = np.stack([np.rot90(grid, quarters).ravel() for quarters in range(4)])
        chosen = ops.take(rotations, rng.integers(0, 4, (count,)), axis=0)
        pixels = ops.take_along_axis(pixels, chosen, axis=1)
    if channels > 1:
        values = pixels[:, :, None] * channels + np.arange(channels, dtype=np.int32)
        pixels = ops.reshape(values, (count, side**2 * channels))
    return tuple(ops.take_along_axis(array, pixels, axis=1) for array in arrays)
