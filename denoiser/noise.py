"""Adds noise to images.

Each block of rows has its own seed, so results do not depend on batch size or call order.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

NoiseKind = Literal["uniform", "gaussian", "salt_and_pepper", "speckle", "poisson", "masking"]
NOISE_KINDS: tuple[NoiseKind, ...] = get_args(NoiseKind)
FRACTION_KINDS = ("salt_and_pepper", "masking")  # the amount is a fraction of the pixels

Images = npt.NDArray[np.float32]
Amount = float | tuple[float, float]

BLOCK_SIZE = 1000  # images that share a random generator; another size gives other noise


def generator(seed: int, split: str, block: int) -> np.random.Generator:
    """The generator for rows block·BLOCK_SIZE to (block + 1)·BLOCK_SIZE of a split.

    `split` is "train", "val" or "test", or any other name of an array of images.
    """
    return np.random.default_rng([seed, *split.encode(), block])


def add_noise(images: Images, kind: NoiseKind, amount: Amount, rng: np.random.Generator) -> Images:
    """Noisy copies of images, clipped to [0, 1].

    For a pixel x, with U(0, 1) uniform and N(0, 1) normal, independent for each pixel:

    - uniform: x + amount·U(0, 1)
    - gaussian: x + amount·N(0, 1)
    - salt_and_pepper: with probability `amount`, x is replaced by 0 or 1 with equal probability
    - speckle: x + x·amount·N(0, 1)
    - poisson: shot noise, amount²·Poisson(x / amount²); `amount` is the standard deviation of a
      white pixel, which counts 1/amount² photons
    - masking: with probability `amount`, x is replaced by 0 (Vincent et al., "Extracting and
      composing robust features with denoising autoencoders", 2008)

    The kinds equal those of scikit-image's `random_noise` (masking is its mode "pepper"), except
    for uniform, which it lacks, and poisson, which has no amount there. Given a range (low, high),
    each image gets a random amount from it. Images have shape (n, pixels), float32, in [0, 1].
    """
    if isinstance(amount, tuple):
        strength = rng.uniform(*amount, size=(len(images), 1)).astype(np.float32)
    else:
        strength = np.full((1, 1), amount, np.float32)
    match kind:
        case "uniform":
            noisy = rng.random(images.shape, np.float32)
            noisy *= strength
            noisy += images
        case "gaussian" | "speckle":
            noisy = rng.standard_normal(images.shape, np.float32)
            noisy *= strength
            if kind == "speckle":
                noisy *= images
            noisy += images
        case "salt_and_pepper":
            draw = rng.random(images.shape, np.float32)
            noisy = np.where(draw < strength, (draw < strength / 2).astype(np.float32), images)
        case "poisson":
            # The lower limit keeps the counts from overflowing.
            photon = np.maximum(strength.astype(np.float64), 1e-4) ** 2
            counts = rng.poisson(images / photon)
            noisy = np.where(strength > 0, counts * photon, images).astype(np.float32)
        case "masking":
            noisy = images * (rng.random(images.shape, np.float32) >= strength)
    return np.clip(noisy, 0, 1, out=noisy)
