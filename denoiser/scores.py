"""Scores of images against their clean originals, image by image."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import skimage.metrics

Images = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

MAX_PSNR = 100.0  # dB; that of an unchanged image would be infinite
WINDOW = 11  # pixels: SSIM's, 3.5 σ to each side


def score(clean: Images, images: Images) -> dict[str, Float64]:
    """MSE, PSNR in dB and SSIM of each image, shape (n,); both arrays are (n, pixels) in [0, 1].

    PSNR is 10·log10(1 / MSE), at most 100 dB. SSIM is that of Wang et al., "Image quality
    assessment: from error visibility to structural similarity", 2004: a Gaussian window of
    σ = 1.5, scikit-image's; NaN for images under 11x11.
    """
    exact = clean.astype(np.float64), images.astype(np.float64)
    # What scikit-image's functions compute, which take one image at a time.
    mse = np.mean((exact[0] - exact[1]) ** 2, axis=1)
    with np.errstate(divide="ignore"):
        psnr = 10 * np.log10(1 / mse)
    return {"mse": mse, "psnr": np.minimum(psnr, MAX_PSNR), "ssim": ssim(*exact)}


def joined(blocks: Sequence[Mapping[str, Float64]]) -> dict[str, Float64]:
    """The scores of blocks of images as those of all of them, shape (n,)."""
    return {metric: np.concatenate([block[metric] for block in blocks]) for metric in blocks[0]}


def means(scored: Mapping[str, Float64]) -> dict[str, float | None]:
    """The mean of each metric to six places; None where there is none, which JSON has as null."""
    found = {metric: float(np.mean(values)) for metric, values in scored.items()}
    return {name: None if math.isnan(mean) else round(mean, 6) for name, mean in found.items()}


def ssim(clean: Float64, images: Float64) -> Float64:
    """SSIM of each image, shape (n,), as `score` has it."""
    side = math.isqrt(clean.shape[1])
    if side < WINDOW:
        return np.full(len(clean), np.nan)
    # One call for all, as one tall image. The mean is over the pixels whose window lies
    # within the image, so that no image sees its neighbours: the same as a call for each.
    _, similarity = skimage.metrics.structural_similarity(
        *(array.reshape(-1, side) for array in (clean, images)),
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    border = WINDOW // 2
    inside = similarity.reshape(-1, side, side)[:, border:-border, border:-border]
    return np.asarray(inside.mean(axis=(1, 2)))
