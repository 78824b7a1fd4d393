"""Classical denoisers to compare a network with, each at its best on noisy and clean images.

Images have shape (n, side*side) and lie in [0, 1], as does what a baseline makes of them.
"""

import math
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.ndimage
import skimage.restoration

from denoiser import scores

Method = Literal["mean", "median", "gaussian", "nlm", "tv", "pca", "ridge"]
Images = npt.NDArray[np.float32]
Denoise = Callable[[Images], Images]

# What each is tried with: a window's side and a radius in pixels, the strengths of scikit-image's
# filters, a penalty relative to the mean variance of the noisy pixels. Wide enough that the best
# for the noises of `experiments` lies within; the smallest penalty is as good as none.
GRIDS: dict[str, tuple[float, ...]] = {
    "median": (3, 5, 7, 9),
    "gaussian": (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 2.5),
    "nlm": (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6),
    "tv": (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0),
    "ridge": (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0),
}


class Linear:
    """The best linear read-outs of clean pixels from noisy ones, from a pass over both.

    What scikit-learn's Ridge and PCA compute, which take all images at once.
    """

    def __init__(self, pairs: Iterable[tuple[Images, Images]], pixels: int) -> None:
        """Sums up (noisy, clean) blocks. Takes memory for a few matrices of pixels x pixels."""
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
        self.towards = self.components.T @ (noisy_clean / count - np.outer(self.noisy, self.clean))

    def ridge(self, penalty: float) -> Denoise:
        """Ridge regression; the penalty is relative to the mean variance of a noisy pixel."""
        return self._denoise(1 / (self.variances + penalty * self.variances.mean() + 1e-12))

    def pca(self, components: int) -> Denoise:
        """The least squares read-out of this many principal components of the noisy images."""
        shares = np.zeros_like(self.variances)
        largest = self.variances[-components:]  # eigh has them in ascending order
        shares[-components:] = np.where(largest > 1e-9, 1 / np.maximum(largest, 1e-9), 0)
        return self._denoise(shares)

    def _denoise(self, shares: npt.NDArray[np.float64]) -> Denoise:
        weights = (self.components * shares) @ self.towards
        offset = self.clean - self.noisy @ weights
        single = weights.astype(np.float32), offset.astype(np.float32)
        return lambda images: np.clip(images @ single[0] + single[1], 0, 1)


def mean(noisy: Images, clean: Images) -> Denoise:
    """Takes off the mean of the noise."""
    bias = np.float32(np.mean(noisy, dtype=np.float64) - np.mean(clean, dtype=np.float64))
    return lambda images: np.clip(images - bias, 0, 1)


def filtered(method: Method, setting: float, images: Images) -> Images:
    """A filter's own result, image by image.

    The median of a square window and the Gaussian filter are SciPy's; non-local means (Buades et
    al., 2005) and total variation (Chambolle, 2004) scikit-image's.
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
            [nlm(each, patch_size=5, patch_distance=6, h=setting) for each in squares]
        )
    else:
        tv = skimage.restoration.denoise_tv_chambolle
        result = np.stack([tv(each, weight=setting) for each in squares])
    return np.asarray(result, np.float32).reshape(images.shape)


def straightened(method: Method, setting: float, noisy: Images, clean: Images) -> Denoise:
    """A filter, and then the straight line that fits its results to the clean pixels best.

    The noise moves the brightness, and clipping pulls it together: no filter mends that.
    """
    result = filtered(method, setting, noisy).astype(np.float64).ravel()
    spread = result.var()
    gain = np.cov(result, clean.ravel(), bias=True)[0, 1] / spread if spread else 0.0
    offset = clean.mean(dtype=np.float64) - gain * result.mean()
    line = np.float32(gain), np.float32(offset)
    return lambda images: np.clip(filtered(method, setting, images) * line[0] + line[1], 0, 1)


def tune(
    method: Method, at: Callable[[float], Denoise], noisy: Images, clean: Images
) -> tuple[float, Denoise]:
    """The setting of the method's grid with the highest mean PSNR on these images, and itself."""

    def psnr(setting: float) -> float:
        return float(scores.score(clean, at(setting)(noisy))["psnr"].mean())

    setting = max(GRIDS[method], key=psnr)
    return setting, at(setting)
