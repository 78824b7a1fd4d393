"""Losses that Keras lacks, for images of shape (n, side*side) in [0, 1]."""

import math
from typing import Any

import numpy as np
from keras import ops

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
    networks", 2017, with single-scale SSIM as in scores.py.
    """
    side = math.isqrt(clean.shape[-1])
    x, y = (ops.reshape(images, (-1, side, side, 1)) for images in (clean, denoised))
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    similarity = luminance * (2 * covariance + c2) / (var_x + var_y + c2)
    mae = ops.mean(ops.abs(clean - denoised), axis=-1)
    return 0.84 * (1 - ops.mean(similarity, axis=(1, 2, 3))) + 0.16 * mae


def _blur(images: Any) -> Any:
    """The weighted mean over a Gaussian window, σ = 1.5, where the window lies in the image."""
    offset = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(offset**2) / (2 * 1.5**2))
    weights = (weights / weights.sum()).astype(np.float32)
    vertical = ops.conv(images, weights[:, None, None, None], padding="valid")
    return ops.conv(vertical, weights[None, :, None, None], padding="valid")
