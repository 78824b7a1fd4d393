"""Adds noise to images.

Each block of images has its own seed, so results do not depend on batch size or call order.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Amount = float | tuple[float, float]

BLOCK_SIZE = 1000  # images that share a random generator; another size gives other noise


class Kind(NamedTuple):
    """A kind of noise.

    `add(images, amount, rng, xp)` returns the images with noise, not clipped. Images have shape
    (n, height, width, channels), amounts (n, 1, 1, 1) or (1, 1, 1, 1), all float32. See `add_noise`
    for `rng` and `xp`.
    """

    add: Callable[[Any, Any, Any, Any], Any]
    maximum: float = 2  # of the amount
    xla: bool = True  # whether XLA can compile it


def uniform(images: Any, amount: Any, rng: Any, xp: Any) -> Any:
    """Adds amount·U(0, 1)."""
    return images + amount * rng.random(xp.shape(images), "float32")


def gaussian(images: Any, amount: Any, rng: Any, xp: Any) -> Any:
    """Adds amount·N(0, 1)."""
    return images + amount * rng.standard_normal(xp.shape(images), "float32")


def salt_and_pepper(images: Any, amount: Any, rng: Any, xp: Any) -> Any:
    """With probability `amount`, x is replaced by 0 or 1 with equal probability."""
    draw = rng.random(xp.shape(images), "float32")
    white = xp.array(draw < amount / 2, "float32")
    return xp.where(draw < amount, white, images)


def speckle(images: Any, amount: Any, rng: Any, xp: Any) -> Any:
    """Adds x·amount·N(0, 1)."""
    return images + images * (amount * rng.standard_normal(xp.shape(images), "float32"))


def poisson(images: Any, amount: Any, rng: Any, xp: Any) -> Any:
    """Shot noise, amount²·Poisson(x / amount²).

    `amount` is the standard deviation of a white pixel, which counts 1/amount² photons.
    """
    photon_value = xp.maximum(amount, 1e-4) ** 2  # smaller values would overflow the counts
    counts = xp.array(rng.poisson(images / photon_value), "float32")
    return xp.where(amount > 0, counts * photon_value, images)


def masking(images: Any, amount: Any, rng: Any, xp: Any) -> Any:
    """With probability `amount`, x is replaced by 0.

    Vincent et al., "Extracting and composing robust features with denoising autoencoders", 2008.
    """
    return xp.where(rng.random(xp.shape(images), "float32") >= amount, images, 0.0)


# These are the kinds of scikit-image's `random_noise` (masking is its mode "pepper"), and uniform.
# Its poisson has no amount.
KINDS = {
    "uniform": Kind(uniform),
    "gaussian": Kind(gaussian),
    "salt_and_pepper": Kind(salt_and_pepper, maximum=1),
    "speckle": Kind(speckle),
    "poisson": Kind(poisson, xla=False),
    "masking": Kind(masking, maximum=1),
}

PAIRS = "pairs"  # the kind whose noisy images are given, as a second CSV or folder


def check_amount(kind: str, amount: float | Sequence[float]) -> None:
    """Raises ValueError unless `amount`, or each of several, is valid for a kind of noise."""
    maximum = KINDS[kind].maximum
    if not 0 <= np.min(amount) <= np.max(amount) <= maximum:
        of = "the pixels" if maximum == 1 else "white; write 25/255 for 25 of 255 levels"
        raise ValueError(
            f"the amount of {kind} noise must be from 0 to {maximum:g}, as a fraction of {of}"
        )


def fraction(text: str) -> float:
    """The value of a number or of a fraction, such as 25/255. Raises ValueError."""
    numerator, slash, denominator = text.partition("/")
    try:
        return float(numerator) / (float(denominator) if slash else 1)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is not a number or a fraction") from None


def generator(seed: int, split: str, block: int) -> np.random.Generator:
    """The generator for images block·BLOCK_SIZE to (block + 1)·BLOCK_SIZE of the named split."""
    return np.random.default_rng([seed, *split.encode(), block])


def add_noise(
    images: Any, kind: str, amount: Amount, rng: Any, xp: Any = np, clip: bool = True
) -> Any:
    """Noisy copies of images, clipped to [0, 1] unless `clip` is False.

    Images have shape (n, height, width, channels), float32, in [0, 1]; `kind` is one of KINDS. The
    noise is independent for each pixel x and channel. Given a range (low, high) as the amount, each
    image gets a random amount from it. `rng` is a generator of NumPy; or, with `xp=keras.ops`, it
    is a `DeviceGenerator`, and the images and the result are tensors.
    """
    if isinstance(amount, tuple):
        count = xp.shape(images)[0]
        amounts = xp.array(rng.uniform(*amount, size=(count, 1, 1, 1)), "float32")
    else:
        amounts = xp.full((1, 1, 1, 1), amount, "float32")
    noisy = KINDS[kind].add(images, amounts, rng, xp)
    return xp.clip(noisy, 0, 1) if clip else noisy
