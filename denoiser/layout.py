"""The layout of image arrays: one flattened square image per row; cutting pictures into squares.

An array of n images has shape (n, side*side*channels). A row holds the pixels line by line, and the
channels of each pixel next to each other: one for gray images, three (red, green, blue) for color
images. The length of a row determines the side and the number of channels, because three times a
square number is never a square number. Images have dtype uint8, 0 to 255, in `data/images`, and
float32 from the stage `split` on, in [0, 1]; noisy images may exceed this range if `noise.clip` is
false.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

CHANNELS = {"gray": 1, "rgb": 3}


def side_and_channels(length: int) -> tuple[int, int]:
    """The side in pixels and the number of channels of images with rows of this length.

    Raises ValueError if no square image has such a row.
    """
    for channels in CHANNELS.values():
        side = math.isqrt(length // channels)
        if length and side**2 * channels == length:
            return side, channels
    raise ValueError(f"a row of {length} values is not a square image, gray or RGB")


def to_squares(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The images with shape (n, side, side, channels)."""
    side, channels = side_and_channels(images.shape[1])
    return images.reshape(-1, side, side, channels)


def to_planes(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Each channel of each image as an image, shape (n*channels, side, side)."""
    squares = to_squares(images)
    return np.moveaxis(squares, 3, 1).reshape(-1, *squares.shape[1:3])


def from_planes(planes: npt.NDArray[Any], channels: int) -> npt.NDArray[Any]:
    """The inverse of `to_planes`."""
    images = planes.reshape(-1, channels, *planes.shape[1:])
    return np.moveaxis(images, 1, 3).reshape(len(images), -1)


def cut(picture: npt.NDArray[Any], side: int, stride: int) -> Iterator[npt.NDArray[Any]]:
    """Yields each row of squares of a picture, shape (n, side*side*channels).

    The picture has shape (height, width, channels); height and width are at least `side`. Squares
    start every `stride` pixels. The last square of a row or column ends at the edge of the picture,
    so that no pixel is left out if `stride` is at most `side`.
    """
    height, width, _ = picture.shape
    for y in starts(height, side, stride):
        band = picture[y : y + side]
        squares = [band[:, x : x + side].ravel() for x in starts(width, side, stride)]
        yield np.stack(squares)


def starts(length: int, side: int, stride: int) -> list[int]:
    """Where the squares start along an axis of `length` pixels."""
    return [*range(0, length - side, stride), length - side]
