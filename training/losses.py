"""The losses, by name: those of Keras, and two that it lacks.

A loss gets clean and denoised images of shape (n, height, width, channels), float32, in [0, 1].
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from denoiser.base.images import SSIM_WINDOW


def psnr(clean: Any, denoised: Any) -> Any:
    """The negative PSNR in dB, 10·log10(MSE), of each image; shape (n,)."""
    from keras import ops

    mse = ops.mean(ops.square(clean - denoised), axis=(1, 2, 3))
    return 10 * ops.log10(mse + 1e-8)  # the constant keeps the loss of a perfect image finite


def ssim(clean: Any, denoised: Any) -> Any:
    """0.84·(1 − SSIM) + 0.16·MAE of each image, shape (n,); for images of at least 11x11 pixels.

    The weights are those of Zhao et al., "Loss functions for image restoration with neural
    networks", 2017, with single-scale SSIM as in scores.py, the mean over the channels.
    """
    from keras import ops

    def blur(images: Any) -> Any:
        """The weighted mean over a Gaussian window, σ = 1.5, where the window lies in the image."""
        rows = ops.depthwise_conv(images, weights[:, None], padding="valid")
        return ops.depthwise_conv(rows, weights[None], padding="valid")

    offset = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    gaussian = np.exp(-(offset**2) / (2 * 1.5**2))
    gaussian = (gaussian / gaussian.sum()).astype(np.float32)
    weights = np.tile(gaussian[:, None, None], (1, clean.shape[-1], 1))
    mean_x, mean_y = blur(clean), blur(denoised)
    var_x, var_y = blur(clean**2) - mean_x**2, blur(denoised**2) - mean_y**2
    covariance = blur(clean * denoised) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    similarity = luminance * (2 * covariance + c2) / (var_x + var_y + c2)
    mae = ops.mean(ops.abs(clean - denoised), axis=(1, 2, 3))
    return 0.84 * (1 - ops.mean(similarity, axis=(1, 2, 3))) + 0.16 * mae


class Loss(NamedTuple):
    """A loss: its name in Keras, or a function of clean and denoised images."""

    function: str | Callable[[Any, Any], Any]
    in_unit_range: bool = False  # whether denoised images must lie in [0, 1]
    min_side: int = 1  # of the images, in pixels


LOSSES = {
    "binary_crossentropy": Loss("binary_crossentropy", in_unit_range=True),
    "mse": Loss("mean_squared_error"),
    "mae": Loss("mean_absolute_error"),
    "psnr": Loss(psnr),
    "ssim": Loss(ssim, min_side=SSIM_WINDOW),
}
