"""Augments training images: the same change for an image and its noisy copy."""

from typing import Any

from keras import ops


def augment(
    arrays: tuple[Any, ...], rng: Any, flip: bool, rotate: bool, gray: float
) -> tuple[Any, ...]:
    """Flips and rotates images at random, image i of each array in the same way.

    The arrays are tensors of shape (n, height, width, channels); `rng` is a `DeviceGenerator`. With
    `flip`, half of the images are mirrored left to right. With `rotate`, a square image is rotated
    by 0, 90, 180 or 270 degrees. A fraction `gray` of color images become gray: their green channel
    replaces the others, so that the noise is the same in all channels.
    """
    shape = (ops.shape(arrays[0])[0], 1, 1, 1)
    flipped = rng.random(shape) < 0.5 * flip
    quarters = rng.integers(0, 4 if rotate else 1, shape)
    grays = rng.random(shape) < gray

    def transform(images: Any) -> Any:
        if flip:
            images = ops.where(flipped, images[:, :, ::-1], images)
        if rotate:
            images = ops.where(quarters >= 2, images[:, ::-1, ::-1], images)
            quarter_turn = ops.transpose(images, (0, 2, 1, 3))[:, ::-1]
            images = ops.where(quarters % 2 == 1, quarter_turn, images)
        if gray and images.shape[-1] == 3:
            images = ops.where(grays, images[..., 1:2], images)
        return images

    return tuple(transform(images) for images in arrays)
