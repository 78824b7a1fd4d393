"""Augments training images: the same change for an image and its noisy copy."""

from typing import Any

import numpy as np
from keras import ops


def augment(
    arrays: tuple[Any, ...], rng: Any, flip: bool, shift: int, rotate: bool, gray: float
) -> tuple[Any, ...]:
    """Flips, shifts and rotates images at random, image i of each array in the same way.

    The arrays are tensors of shape (n, height, width, channels); `rng` is a `DeviceGenerator`. With
    `flip`, half of the images are mirrored left to right. An image is shifted by up to `shift`
    pixels in each direction; pixels that enter repeat its edge. With `rotate`, a square image is
    rotated by 0, 90, 180 or 270 degrees. A fraction `gray` of color images become gray: their green
    channel replaces the others, so that the noise is the same in all channels.
    """
    count = ops.shape(arrays[0])[0]
    height, width = arrays[0].shape[1:3]
    flipped = rng.random((count, 1)) < 0.5 * flip
    down = rng.integers(-shift, shift, (count, 1), endpoint=True)
    right = rng.integers(-shift, shift, (count, 1), endpoint=True)
    quarters = rng.integers(0, 4 if rotate else 1, (count, 1, 1, 1))
    grays = rng.random((count, 1, 1, 1)) < gray
    index = np.arange(width, dtype=np.int32)
    columns = ops.clip(ops.where(flipped, index[::-1], index) + right, 0, width - 1)
    rows = ops.clip(np.arange(height, dtype=np.int32) + down, 0, height - 1)

    def gather(image_rows_columns: tuple[Any, Any, Any]) -> Any:
        image, rows, columns = image_rows_columns
        return ops.take(ops.take(image, rows, axis=0), columns, axis=1)

    def transform(images: Any) -> Any:
        if flip or shift:
            images = ops.vectorized_map(gather, (images, rows, columns))
        if rotate:
            images = ops.where(quarters >= 2, images[:, ::-1, ::-1], images)
            quarter_turn = ops.transpose(images, (0, 2, 1, 3))[:, ::-1]
            images = ops.where(quarters % 2 == 1, quarter_turn, images)
        if gray and images.shape[-1] == 3:
            images = ops.where(grays, images[..., 1:2], images)
        return images

    return tuple(transform(images) for images in arrays)
