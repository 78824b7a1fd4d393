"""PSNR and SSIM of a picture of any size, computed from bands of its rows."""

import math

import numpy as np
import skimage.metrics

from denoiser import scores
from denoiser.tiles import Float32

ROWS = 64  # rows per call of SSIM, which needs much memory per row
BORDER = scores.WINDOW // 2


class BandScores:
    """Accumulates the scores of a picture against its clean original.

    `add` gets the bands from top to bottom, float32 of shape (rows, width, channels); the clean
    band lies in [0, 1]. The results equal those of `scores.psnr` and `scores.ssim`, which need the
    whole picture.
    """

    def __init__(self) -> None:
        self.squares, self.values = 0.0, 0
        self.similarity, self.windows = 0.0, 0
        self.last: Float32 | None = None  # the last rows of both pictures, which end a window

    def add(self, clean: Float32, band: Float32) -> None:
        """Adds the next rows of both pictures."""
        for first in range(0, len(band), ROWS):
            pair = np.stack([clean[first : first + ROWS], band[first : first + ROWS]])
            self.squares += float(np.sum((pair[0].astype(np.float64) - pair[1]) ** 2))
            self.values += pair[0].size
            if self.last is not None:
                pair = np.concatenate([self.last, pair], axis=1)
            self._add_windows(*pair.astype(np.float64))
            self.last = pair[:, -2 * BORDER :]

    def _add_windows(self, clean: scores.Float64, band: scores.Float64) -> None:
        if min(clean.shape[:2]) < scores.WINDOW:
            return
        _, similarity = skimage.metrics.structural_similarity(
            clean, band, channel_axis=2, **scores.SSIM
        )
        inside = similarity[BORDER:-BORDER, BORDER:-BORDER]
        self.similarity += float(inside.sum())
        self.windows += inside.size

    def psnr(self) -> float:
        """In dB, at most `scores.MAX_PSNR`."""
        mse = self.squares / self.values
        return min(scores.MAX_PSNR, -10 * math.log10(mse)) if mse else scores.MAX_PSNR

    def ssim(self) -> float:
        """The mean over the picture and its channels; NaN for pictures under 11x11."""
        return self.similarity / self.windows if self.windows else math.nan
