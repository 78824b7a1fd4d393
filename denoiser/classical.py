"""Classical denoisers, the baselines of the network, tuned on noisy and clean images.

Noisy, clean and denoised images have shape (n, side*side), float32, in [0, 1].
"""

import math
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import scipy.ndimage
import skimage.restoration

from denoiser import scores

Images = npt.NDArray[np.float32]
Denoiser = Callable[[Images], Images]

# The settings that each method is tuned over: the side of a window and a standard deviation in
# pixels, the strength of scikit-image's filters, and a penalty relative to the mean variance of a
# noisy pixel. The best setting for the noises of the presets lies inside each grid, except for
# ridge, where the smallest penalty is as good as no penalty.
GRIDS: dict[str, tuple[float, ...]] = {
    "median": (3, 5, 7, 9),
    "gaussian": (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 2.5),
    "nlm": (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6),
    "tv": (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0),
    "ridge": (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0),
}


class Linear:
    """Linear least-squares denoisers, fitted in one pass over blocks of images.

    They equal scikit-learn's Ridge, and its PCA followed by LinearRegression, which need all
    images in memory at once. This class needs memory for a few matrices of pixels x pixels.
    """

    def __init__(self, pairs: Iterable[tuple[Images, Images]], pixels: int) -> None:
        count, sums = 0, np.zeros((2, pixels))
        noisy_noisy, noisy_clean = np.zeros((2, pixels, pixels))
        for noisy, clean in pairs:
            x, y = noisy.astype(np.float64), clean.astype(np.float64)
            count += len(x)
            sums += x.sum(axis=0), y.sum(axis=0)
            noisy_noisy += x.T @ x
            noisy_clean += x.T @ y
        self.noisy, self.clean = sums / count
        covariance = noisy_noisy / count - np.outer(self.noisy, self.noisy)
        variances, self.components = np.linalg.eigh(covariance)
        self.variances = np.maximum(variances, 0)
        self.cross_covariance = self.components.T @ (
            noisy_clean / count - np.outer(self.noisy, self.clean)
        )

    def ridge(self, penalty: float) -> Denoiser:
        """Ridge regression; the penalty is relative to the mean variance of a noisy pixel."""
        return self._denoiser(1 / (self.variances + penalty * self.variances.mean() + 1e-12))

    def pca(self, components: int) -> Denoiser:
        """Linear regression on the first principal components of the noisy images."""
        inverse_variances = np.zeros_like(self.variances)
        largest = self.variances[-components:]  # eigh returns them in ascending order
        inverse_variances[-components:] = np.where(largest > 1e-9, 1 / np.maximum(largest, 1e-9), 0)
        return self._denoiser(inverse_variances)

    def _denoiser(self, inverse_variances: npt.NDArray[np.float64]) -> Denoiser:
        weights = (self.components * inverse_variances) @ self.cross_covariance
        offset = self.clean - self.noisy @ weights
        weights32, offset32 = weights.astype(np.float32), offset.astype(np.float32)
        return lambda images: np.clip(images @ weights32 + offset32, 0, 1)


def subtract_mean(noisy: Images, clean: Images) -> Denoiser:
    """Subtracts the mean of the noise."""
    bias = np.float32(np.mean(noisy, dtype=np.float64) - np.mean(clean, dtype=np.float64))
    return lambda images: np.clip(images - bias, 0, 1)


def apply_filter(method: str, setting: float, images: Images) -> Images:
    """Filters each image separately.

    The median filter with a square window and the Gaussian filter are SciPy's; non-local means
    ("nlm", Buades et al., 2005) and total variation ("tv", Chambolle, 2004) are scikit-image's.
    """
    side = math.isqrt(images.shape[1])
    squares = images.reshape(-1, side, side)
    if method == "median":
        result = scipy.ndimage.median_filter(squares, (1, int(setting), int(setting)))
    elif method == "gaussian":
        result = scipy.ndimage.gaussian_filter(squares, (0, setting, setting))
    elif method == "nlm":
        nlm = skimage.restoration.denoise_nl_means
        result = np.stack(
            [nlm(image, patch_size=5, patch_distance=6, h=setting) for image in squares]
        )
    else:
        tv = skimage.restoration.denoise_tv_chambolle
        result = np.stack([tv(image, weight=setting) for image in squares])
    return np.asarray(result, np.float32).reshape(images.shape)


def with_affine_correction(method: str, setting: float, noisy: Images, clean: Images) -> Denoiser:
    """A filter followed by a gain and an offset, fitted to the clean images by least squares.

    The noise shifts the brightness and clipping reduces the contrast, which a filter cannot undo.
    """
    filtered = apply_filter(method, setting, noisy).astype(np.float64).ravel()
    variance = filtered.var()
    gain = np.cov(filtered, clean.ravel(), bias=True)[0, 1] / variance if variance else 0.0
    offset = clean.mean(dtype=np.float64) - gain * filtered.mean()
    gain32, offset32 = np.float32(gain), np.float32(offset)
    return lambda images: np.clip(apply_filter(method, setting, images) * gain32 + offset32, 0, 1)


def tune(
    method: str, build: Callable[[float], Denoiser], noisy: Images, clean: Images
) -> tuple[float, Denoiser]:
    """The setting with the highest mean PSNR on these images, and its denoiser.

    `method` is a key of GRIDS; `build` returns the denoiser with a given setting.
    """

    def psnr(setting: float) -> float:
        return float(scores.score(clean, build(setting)(noisy))["psnr"].mean())

    setting = max(GRIDS[method], key=psnr)
    return setting, build(setting)
