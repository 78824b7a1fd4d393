"""Corrupts images; each draw is seeded by its place: no other draw, no buffer size moves it."""

from typing import Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["uniform", "gaussian"]
Images = npt.NDArray[np.float32]

ROWS = 1000  # images that share a generator; another number is other noise


def generator(seed: int, split: str, block: int) -> np.random.Generator:
    """The generator for rows block·ROWS to (block + 1)·ROWS of a split ("train", "val", "test")."""
    return np.random.default_rng([seed, *split.encode(), block])


def corrupt(images: Images, kind: Kind, amount: float, rng: np.random.Generator) -> Images:
    """Noisy copies of images in [0, 1], shape (n, pixels), clipped to [0, 1].

    uniform adds amount·U(0, 1), gaussian adds amount·N(0, 1), to each pixel by itself.
    """
    draw = rng.random if kind == "uniform" else rng.standard_normal
    noise = draw(images.shape, dtype=np.float32)
    noise *= np.float32(amount)
    noise += images
    return np.clip(noise, 0, 1, out=noise)
