"""Denoises an image of any size in tiles, so that the network needs little memory.

An image is a float32 array of shape (height, width, channels). A network maps float32 arrays of
shape (n, height, width, channels) to arrays of the same shape.
"""

from collections.abc import Callable, Iterator

import numpy as np

from denoiser.base.images import Float32, Network

Progress = Callable[[int], object]  # is called with the number of pixels that were denoised

TILE = 768  # the maximum side of a tile in pixels, approximately


def convolve(
    image: Float32, network: Network, scale: int, radius: int, progress: Progress
) -> Iterator[Float32]:
    """Denoises an image with a network of any size; yields bands of rows from top to bottom.

    The result equals that of one call with the whole image, padded at the bottom and right to a
    multiple of `scale` by mirroring. An output pixel depends on input pixels within `radius`, and
    on its position modulo `scale`; so tiles overlap, and start at multiples of `scale`. The size of
    a tile, up to about TILE x TILE pixels, determines the memory.
    """
    height, width, _ = image.shape
    margin = round_up(radius, scale)
    limit = max(round_up(TILE, scale), 4 * margin)
    full_height, full_width = round_up(height, scale), round_up(width, scale)
    tile_height, lines = spans(full_height, limit, margin, scale)
    tile_width, columns = spans(full_width, limit, margin, scale)
    for top, first, stop in lines:
        band = padded(image, top, tile_height, full_width)
        pieces = []
        for left, start, end in columns:
            tile = network(band[None, :, left : left + tile_width])[0]
            pieces.append(tile[first - top : stop - top, start - left : end - left])
            progress((min(stop, height) - first) * (min(end, width) - start))
        yield np.concatenate(pieces, axis=1)[: height - first, :width]


def for_channels(network: Network, channels: int) -> Network:
    """A network for images of 1 or 3 channels, from a network of `channels`, 1 or 3.

    A gray network denoises each channel of a color image. A color network denoises a gray image as
    three equal channels, whose mean is the result.
    """

    def call(images: Float32) -> Float32:
        count = images.shape[3]
        if count == channels:
            return network(images)
        if channels == 1:
            return np.concatenate([network(x) for x in np.split(images, count, axis=3)], axis=3)
        mean: Float32 = network(np.repeat(images, channels, axis=3)).mean(axis=3, keepdims=True)
        return mean

    return call


def padded(image: Float32, top: int, count: int, width: int) -> Float32:
    """Rows `top` to `top + count` - 1 of an image padded to `width` pixels by mirroring.

    Rows below the image mirror rows of this band, which must have enough of them unless `top` is 0.
    """
    band = image[top : top + count]
    missing = (0, count - len(band)), (0, width - image.shape[1]), (0, 0)
    return np.pad(band, missing, "symmetric") if np.any(missing) else band


def spans(
    length: int, limit: int, margin: int, scale: int
) -> tuple[int, list[tuple[int, int, int]]]:
    """The side of the tiles along an axis of `length` pixels, and (start, first, stop) of each.

    A tile covers pixels `start` to `start + side` - 1, and pixels `first` to `stop` - 1 of the
    result come from it; they are at least `margin` pixels away from its edges within the image.
    The side is at most `limit`. Sides and starts are multiples of `scale` if the arguments are.
    """
    if length <= limit:
        return length, [(0, 0, length)]
    inner = length - 2 * margin
    count = -(-inner // (limit - 2 * margin))
    step = round_up(-(-inner // count), scale)
    side = step + 2 * margin
    begins = sorted({min(number * step, length - side) for number in range(count)})
    stops = [*(begin + side - margin for begin in begins[:-1]), length]
    return side, list(zip(begins, [0, *stops[:-1]], stops, strict=True))


def round_up(number: int, multiple: int) -> int:
    """The lowest multiple of `multiple` that is at least `number`."""
    return -(-number // multiple) * multiple
