"""Metrics of images against their clean originals, image by image."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from denoiser.base.images import Float32, Float64

Scores = dict[str, Float64]  # one array of shape (n,) per metric

SSIM_WINDOW = 11  # pixels: the side of the window of SSIM, 3.5 σ in each direction
MAX_PSNR = 100.0  # dB; the PSNR of identical images would be infinite


class Metric(NamedTuple):
    """A metric of n images, given clean and other images (n, height, width, channels) in [0, 1]."""

    function: Callable[[Float64, Float64], Float64]  # returns shape (n,)
    label: str  # in tables
    digits: int  # after the decimal point, in tables


def mse(clean: Float64, images: Float64) -> Float64:
    """Mean squared error."""
    return np.asarray(np.mean((clean - images) ** 2, axis=(1, 2, 3)))


def psnr(clean: Float64, images: Float64) -> Float64:
    """Peak signal-to-noise ratio in dB, 10·log10(1 / MSE), at most MAX_PSNR."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.minimum(10 * np.log10(1 / mse(clean, images)), MAX_PSNR))


def ssim(clean: Float64, images: Float64) -> Float64:
    """Structural similarity, the mean over the channels; NaN for images under 11x11.

    The settings are those of Wang et al., "Image quality assessment: from error visibility to
    structural similarity", 2004.
    """
    import skimage.metrics  # takes a second; only needed here

    count, height, width, channels = clean.shape
    if min(height, width) < SSIM_WINDOW:
        return np.full(count, np.nan)
    # One call for all images, stacked to one tall image, is faster than a call per image. The
    # mean covers only pixels whose window lies within their image.
    _, similarity = skimage.metrics.structural_similarity(
        *(array.reshape(-1, width, channels) for array in (clean, images)),
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2,
        full=True,
    )
    border = SSIM_WINDOW // 2
    inside = similarity.reshape(clean.shape)[:, border:-border, border:-border]
    return np.asarray(inside.mean(axis=(1, 2, 3)))


# Every table and file of scores has these metrics, in this order; charts show the PSNR.
METRICS = {
    "mse": Metric(mse, "MSE", 4),
    "psnr": Metric(psnr, "PSNR (dB)", 2),
    "ssim": Metric(ssim, "SSIM", 3),
}


def score(clean: Float32, images: Float32) -> Scores:
    """Each metric of each image; images have shape (n, height, width, channels), in [0, 1]."""
    arrays = clean.astype(np.float64), images.astype(np.float64)
    return {name: metric.function(*arrays) for name, metric in METRICS.items()}


def score_all(pairs: Iterable[tuple[Float32, Float32]]) -> Scores:
    """Each metric of each image, given pairs of arrays (clean, images)."""
    return concatenate([score(*pair) for pair in pairs])


def concatenate(parts: Sequence[Scores]) -> Scores:
    """The scores of all images, given those of parts of them."""
    return {name: np.concatenate([part[name] for part in parts]) for name in METRICS}


def means(scores: Mapping[str, Float64]) -> dict[str, float | None]:
    """The mean of each metric, rounded to six decimals; None (null in JSON) instead of NaN."""
    result = {name: float(np.mean(values)) for name, values in scores.items()}
    return {name: None if math.isnan(mean) else round(mean, 6) for name, mean in result.items()}
