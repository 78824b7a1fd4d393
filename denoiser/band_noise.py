"""Adds noise to a picture that is read in bands of rows."""

import numpy as np

from denoiser import noise
from denoiser.tiles import Float32, Rows

SEED = 42
NOISE_ROWS = 64  # rows that share a random generator; another number gives other noise


def noisy_rows(rows: Rows, height: int, kind: noise.NoiseKind, amount: float, clip: bool) -> Rows:
    """The picture with noise, clipped to [0, 1] if `clip` is true.

    The noise is the same in every run, and it does not depend on the rows that are read together.
    """

    def noisy(first: int, stop: int) -> Float32:
        top = first - first % NOISE_ROWS
        blocks = []
        for start in range(top, stop, NOISE_ROWS):
            block = rows(start, min(start + NOISE_ROWS, height))
            rng = np.random.default_rng([SEED, start // NOISE_ROWS])
            changed = noise.add_noise(block.reshape(1, -1), kind, amount, rng, clip=clip)
            blocks.append(changed.reshape(block.shape))
        return np.concatenate(blocks)[first - top : stop - top]

    return noisy
