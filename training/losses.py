"""The losses, by name: those of Keras, and one that it lacks.

A loss gets clean and denoised images of shape (n, height, width, channels), float32, in [0, 1].
"""

from collections.abc import Callable
from typing import Any, NamedTuple


def psnr(clean: Any, denoised: Any) -> Any:
    """The negative PSNR in dB, 10·log10(MSE), of each image; shape (n,)."""
    from keras import ops

    mse = ops.mean(ops.square(clean - denoised), axis=(1, 2, 3))
    return 10 * ops.log10(mse + 1e-8)  # the constant keeps the loss of a perfect image finite


class Loss(NamedTuple):
    """A loss: its name in Keras, or a function of clean and denoised images."""

    function: str | Callable[[Any, Any], Any]
    in_unit_range: bool = False  # whether denoised images must lie in [0, 1]


LOSSES = {
    "binary_crossentropy": Loss("binary_crossentropy", in_unit_range=True),
    "mse": Loss("mean_squared_error"),
    "mae": Loss("mean_absolute_error"),
    "psnr": Loss(psnr),
}
