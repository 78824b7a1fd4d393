"""Arrays of images: their types, colors, and the positions of squares in them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Network = Callable[[Float32], Float32]  # denoises images of shape (n, height, width, channels)

COLORS = {"gray": 1, "rgb": 3}  # the number of channels


def starts(length: int, side: int, step: int) -> list[int]:
    """The positions of squares along an axis of `length` pixels, in ascending order.

    Squares of `side` pixels start every `step` pixels; the last one ends at the end of the axis.
    """
    return [*range(0, length - side, step), length - side]
