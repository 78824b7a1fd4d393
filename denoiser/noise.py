"""Corrupts images; each draw is seeded by its place: no other draw, no buffer size moves it."""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Kind = Literal["uniform", "gaussian", "salt_and_pepper", "speckle", "poisson", "masking"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Images = npt.NDArray[np.float32]
Amount = float | tuple[float, float]

ROWS = 1000  # images that share a generator; another number is other noise
SHARES = ("salt_and_pepper", "masking")  # kinds whose amount is a share of the pixels, at most 1


def generator(seed: int, split: str, block: int) -> np.random.Generator:
    """The generator for rows block·ROWS to (block + 1)·ROWS of a split ("train", "val", "test")."""
    return np.random.default_rng([seed, *split.encode(), block])


def corrupt(images: Images, kind: Kind, amount: Amount, rng: np.random.Generator) -> Images:
    """Noisy copies of images in [0, 1], shape (n, pixels), clipped to [0, 1].

    What the kinds do to each pixel x by itself; U(0, 1) is uniform, N(0, 1) normal:

    - uniform: x + amount·U(0, 1)
    - gaussian: x + amount·N(0, 1)
    - salt_and_pepper: replaced with probability `amount`, by 0 or 1, which are equally likely
    - speckle: x + x·amount·N(0, 1)
    - poisson: shot noise, amount²·Poisson(x / amount²): `amount` is the standard deviation of a
      white pixel, which counts 1/amount² photons; 0 leaves x as it is
    - masking: replaced with probability `amount`, by 0 (Vincent et al., "Extracting and composing
      robust features with denoising autoencoders", 2008)

    They are those of scikit-image's `random_noise` where it has them (its poisson has no amount).
    Of a range (low, high) each image draws an amount of its own, uniformly.
    """
    if isinstance(amount, tuple):
        each = rng.uniform(*amount, size=(len(images), 1)).astype(np.float32)
    else:
        each = np.full((1, 1), amount, np.float32)
    match kind:
        case "uniform":
            noisy = rng.random(images.shape, np.float32)
            noisy *= each
            noisy += images
        case "gaussian" | "speckle":
            noisy = rng.standard_normal(images.shape, np.float32)
            noisy *= each
            if kind == "speckle":
                noisy *= images
            noisy += images
        case "salt_and_pepper":
            draw = rng.random(images.shape, np.float32)
            noisy = np.where(draw < each, (draw < each / 2).astype(np.float32), images)
        case "poisson":
            photon = np.maximum(each.astype(np.float64), 1e-4) ** 2  # dimmer ones: counts overflow
            counts = rng.poisson(images / photon)
            noisy = np.where(each > 0, counts * photon, images).astype(np.float32)
        case "masking":
            noisy = images * (rng.random(images.shape, np.float32) >= each)
    return np.clip(noisy, 0, 1, out=noisy)
