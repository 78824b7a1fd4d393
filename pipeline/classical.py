"""Classical denoisers, the baselines of the network, tuned on noisy and clean images.

Noisy, clean and denoised images have shape (n, height, width, channels), float32, in [0, 1].
"""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from denoiser.base.images import Float32
from pipeline import scores

Denoiser = Callable[[Float32], Float32]
Fitted = tuple[float | None, Denoiser]  # the setting of a method, if any, and the denoiser

MAX_VALUES = 64 * 64  # per image, of linear methods: larger matrices take too much memory
TV_ITERATIONS = 20  # 100 iterations raise the PSNR by 0.1 dB
# The penalties that ridge regression is tuned over; the smallest is as good as no penalty.
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)


def median(images: Float32, side: float) -> Float32:
    """SciPy's median filter with a square window of `side` pixels."""
    return np.asarray(scipy.ndimage.median_filter(images, (1, int(side), int(side), 1)))


def gaussian(images: Float32, sigma: float) -> Float32:
    """SciPy's Gaussian filter with a standard deviation of `sigma` pixels."""
    return np.asarray(scipy.ndimage.gaussian_filter(images, (0, sigma, sigma, 0)))


def non_local_means(images: Float32, strength: float) -> Float32:
    """scikit-image's non-local means (Buades et al., 2005) of each channel.

    Patches are at most 3 pixels apart. A distance of 6 pixels takes three times as long, and its
    PSNR is up to 0.3 dB lower, depending on the noise.
    """
    from skimage.restoration import denoise_nl_means  # takes a second; only needed here

    result = np.empty_like(images)
    for number, channel in np.ndindex(len(images), images.shape[3]):
        plane = np.s_[number, :, :, channel]
        result[plane] = denoise_nl_means(images[plane], patch_size=5, patch_distance=3, h=strength)
    return result


def total_variation(images: Float32, weight: float) -> Float32:
    """Minimizes TV(u) + |u - image|² / (2·weight) over u, for each channel of each image.

    The dual algorithm is that of Chambolle, "An algorithm for total variation minimization and
    applications", 2004. The result equals that of scikit-image's denoise_tv_chambolle, which is
    slow because it takes one image per call.
    """
    step, zero = 0.25, np.float32(0)
    u = images
    dual_y = dual_x = np.zeros_like(images)
    for _ in range(TV_ITERATIONS):
        gradient_y = np.diff(u, axis=1, append=u[:, -1:])
        gradient_x = np.diff(u, axis=2, append=u[:, :, -1:])
        norm = np.sqrt(gradient_y**2 + gradient_x**2)
        dual_y = (dual_y - step * gradient_y) / (1 + step / weight * norm)
        dual_x = (dual_x - step * gradient_x) / (1 + step / weight * norm)
        divergence = np.diff(dual_y, axis=1, prepend=zero) + np.diff(dual_x, axis=2, prepend=zero)
        u = images - divergence
    return u


class Linear:
    """Linear least-squares denoisers, fitted in one pass over pairs of arrays (noisy, clean).

    They equal scikit-learn's Ridge, and its PCA followed by LinearRegression, but need memory for a
    few matrices of values x values instead of all images. An image has `values` values.
    """

    def __init__(self, pairs: Iterable[tuple[Float32, Float32]], values: int) -> None:
        count, sums = 0, np.zeros((2, values))
        noisy_noisy, noisy_clean = np.zeros((2, values, values))
        for noisy, clean in pairs:
            x, y = (array.reshape(-1, values).astype(np.float64) for array in (noisy, clean))
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
        """Ridge regression; `penalty` is multiplied by the mean variance of the noisy pixels."""
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

        def denoise(images: Float32) -> Float32:
            rows: Float32 = images.reshape(len(images), -1) @ weights32 + offset32
            return np.clip(rows, 0, 1).reshape(images.shape)

        return denoise


def fit_mean(noisy: Float32, clean: Float32) -> Fitted:
    """Subtracts the mean of the noise."""
    bias = np.float32(np.mean(noisy, dtype=np.float64) - np.mean(clean, dtype=np.float64))
    return None, lambda images: np.clip(images - bias, 0, 1)


class Filter(NamedTuple):
    """A filter of images with a setting, and the settings that it is tuned over."""

    apply: Callable[[Float32, float], Float32]
    grid: tuple[float, ...]

    def fit(self, noisy: Float32, clean: Float32) -> Fitted:
        """The setting with the highest mean PSNR on these images, and the denoiser.

        The denoiser applies the filter, then a gain and an offset. The noise shifts the brightness
        and clipping reduces the contrast, which a filter cannot undo.
        """

        def tuned(setting: float) -> tuple[float, float, Denoiser]:
            filtered = self.apply(noisy, setting)
            correct = affine_correction(filtered, clean)
            return mean_psnr(clean, correct(filtered)), setting, correct

        _, setting, correct = max(map(tuned, self.grid), key=itemgetter(0))
        return setting, lambda images: correct(self.apply(images, setting))


def affine_correction(images: Float32, clean: Float32) -> Denoiser:
    """A gain and an offset that map the images to the clean images, fitted by least squares."""
    x, y = images.astype(np.float64).ravel(), clean.astype(np.float64).ravel()
    variance = x.var()
    gain = np.cov(x, y, bias=True)[0, 1] / variance if variance else 0.0
    offset = y.mean() - gain * x.mean()
    gain32, offset32 = np.float32(gain), np.float32(offset)
    return lambda images: np.clip(images * gain32 + offset32, 0, 1)


def fit_pca(linear: Linear, noisy: Float32, clean: Float32, components: int) -> Fitted:  # noqa: ARG001
    """Linear regression on the first principal components."""
    return components, linear.pca(components)


def fit_ridge(linear: Linear, noisy: Float32, clean: Float32, components: int) -> Fitted:  # noqa: ARG001
    """Ridge regression with the penalty that has the highest mean PSNR on these images."""
    penalty = max(PENALTIES, key=lambda penalty: mean_psnr(clean, linear.ridge(penalty)(noisy)))
    return penalty, linear.ridge(penalty)


def mean_psnr(clean: Float32, images: Float32) -> float:
    """The mean PSNR of images in dB."""
    return float(scores.psnr(clean.astype(np.float64), images.astype(np.float64)).mean())


# The methods by name: those that are tuned on a few images, and those that share a `Linear`.
TUNED: dict[str, Callable[[Float32, Float32], Fitted]] = {
    "mean": fit_mean,
    "median": Filter(median, (3, 5, 7, 9)).fit,
    "gaussian": Filter(gaussian, (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 2.5)).fit,
    "nlm": Filter(non_local_means, (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 0.8)).fit,
    "tv": Filter(total_variation, (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)).fit,
}
LINEAR: dict[str, Callable[[Linear, Float32, Float32, int], Fitted]] = {
    "pca": fit_pca,
    "ridge": fit_ridge,
}
METHODS = (*TUNED, *LINEAR)
