"""Losses that Keras lacks, for images in the layout of layout.py, in [0, 1]."""

from typing import Any

import numpy as np
from keras import ops

from denoiser.layout import side_and_channels

WINDOW = 11  # pixels, as in scores.py, which is not imported because it imports scikit-image


def get(name: str) -> Any:
    """A loss of this module, or the name itself for a loss of Keras; for `Model.compile`."""
    return {"psnr": psnr, "ssim": ssim}.get(name, name)


def psnr(clean: Any, denoised: Any) -> Any:
    """The negative PSNR in dB, 10·log10(MSE), of each image; shape (n,)."""
    mse = ops.mean(ops.square(clean - denoised), axis=-1)
    return 10 * ops.log10(mse + 1e-8)  # the constant keeps the loss of a perfect image finite


def ssim(clean: Any, denoised: Any) -> Any:
    """0.84·(1 − SSIM) + 0.16·MAE of each image, shape (n,); for images of at least 11x11.

    The weights are those of Zhao et al., "Loss functions for image restoration with neural
    networks", 2017, with single-scale SSIM as in scores.py, the mean over the channels.
    """
    x, y = (_planes(images) for images in (clean, denoised))
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    similarity = luminance * (2 * covariance + c2) / (var_x + var_y + c2)
    mae = ops.mean(ops.abs(clean - denoised), axis=-1)
    channels = side_and_channels(clean.shape[-1])[1]
    mean_similarity = ops.mean(similarity, axis=(1, 2, 3))
    if channels > 1:
        mean_similarity = ops.mean(ops.reshape(mean_similarity, (-1, channels)), axis=1)
    return 0.84 * (1 - mean_similarity) + 0.16 * mae


def _planes(images: Any) -> Any:
    """Each channel as an image of shape (side, side, 1), like `layout.to_planes`."""
    side, channels = side_and_channels(images.shape[-1])
    squares = ops.reshape(images, (-1, side, side, channels))
    return ops.reshape(ops.transpose(squares, (0, 3, 1, 2)), (-1, side, side, 1))


def _blur(images: Any) -> Any:
    """The weighted mean over a Gaussian window, σ = 1.5, where the window lies in the image."""
    offset = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(offset**2) / (2 * 1.5**2))
    weights = (weights / weights.sum()).astype(np.float32)
    vertical = ops.conv(images, weights[:, None, None, None], padding="valid")
    return ops.conv(vertical, weights[None, :, None, None], padding="valid")
