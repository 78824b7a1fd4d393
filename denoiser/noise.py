"""Adds noise to images.

Each block of rows has its own seed, so results do not depend on batch size or call order.
"""

from typing import Any, Literal, get_args

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


def add_noise(
    images: Any, kind: NoiseKind, amount: Amount, rng: Any, xp: Any = np, clip: bool = True
) -> Any:
    """Noisy copies of images, clipped to [0, 1] unless `clip` is False.

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

    `rng` is a generator of NumPy, and the images and the result are NumPy arrays; or, with
    `xp=keras.ops`, it is a `DeviceGenerator`, and they are tensors.
    """
    if isinstance(amount, tuple):
        strength = xp.array(rng.uniform(*amount, size=(xp.shape(images)[0], 1)), "float32")
    else:
        strength = xp.full((1, 1), amount, "float32")
    shape = xp.shape(images)
    match kind:
        case "uniform":
            noisy = images + strength * rng.random(shape, "float32")
        case "gaussian":
            noisy = images + strength * rng.standard_normal(shape, "float32")
        case "speckle":
            noisy = images + images * (strength * rng.standard_normal(shape, "float32"))
        case "salt_and_pepper":
            draw = rng.random(shape, "float32")
            white = xp.array(draw < strength / 2, "float32")
            noisy = xp.where(draw < strength, white, images)
        case "poisson":
            photon = xp.maximum(strength, 1e-4) ** 2  # more photons would overflow the counts
            counts = xp.array(rng.poisson(images / photon), "float32")
            noisy = xp.where(strength > 0, counts * photon, images)
        case "masking":
            noisy = xp.where(rng.random(shape, "float32") >= strength, images, 0.0)
    return xp.clip(noisy, 0, 1) if clip else noisy
