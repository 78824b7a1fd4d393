"""pipeline/base/noise.py."""

import zlib

import numpy as np
import pytest

from denoiser.base.images import Float32
from pipeline.base import noise

COLOR = np.random.default_rng(0).random((4, 5, 9, 3), np.float32)  # neither square nor gray

AMOUNTS: tuple[noise.Amount, ...] = 0.5, (0.2, 0.8)
CHECKSUMS = {  # of the noisy COLOR for each of AMOUNTS
    "uniform": (1113155368, 146857435),
    "gaussian": (1198790633, 314144154),
    "salt_and_pepper": (2629689534, 4110575918),
    "speckle": (1332169272, 387311818),
    "poisson": (3461961798, 1256081816),
    "masking": (1596765162, 1184763619),
}
# Mean and variance of a pixel of 0.25 with noise of the amount 0.5, computed by hand.
MOMENTS = {
    "uniform": (0.5, 1 / 48),
    "gaussian": (0.25, 1 / 4),
    "salt_and_pepper": (3 / 8, 9 / 64),
    "speckle": (0.25, 1 / 64),
    "poisson": (0.25, 1 / 16),
    "masking": (1 / 8, 1 / 64),
}


def add_noise(clean: Float32, kind: str, amount: noise.Amount, clip: bool = False) -> Float32:
    rng = noise.generator(42, "val", 3)
    noisy: Float32 = noise.add_noise(clean, kind, amount, rng, clip=clip)
    return noisy


@pytest.mark.parametrize("kind", noise.KINDS)
def test_the_noise_of_a_seed_never_changes(kind: str) -> None:
    """Other random numbers, or in another order, would change all committed results."""
    for amount, checksum in zip(AMOUNTS, CHECKSUMS[kind], strict=True):
        noisy = add_noise(COLOR, kind, amount)
        assert noisy.dtype == np.float32
        assert zlib.crc32(noisy.tobytes()) == checksum
        np.testing.assert_array_equal(add_noise(COLOR, kind, amount, True), noisy.clip(0, 1))


@pytest.mark.parametrize("kind", noise.KINDS)
def test_mean_and_variance(kind: str) -> None:
    noisy = add_noise(np.full((100, 50, 50, 3), 0.25, np.float32), kind, 0.5).astype(float)
    np.testing.assert_allclose((noisy.mean(), noisy.var()), MOMENTS[kind], atol=3e-3)


def test_each_image_gets_an_amount_of_the_range() -> None:
    noisy = add_noise(np.zeros((200, 30, 30, 1), np.float32), "gaussian", (0.2, 0.8))
    amounts = np.sort(noisy.std(axis=(1, 2, 3)))
    np.testing.assert_allclose(amounts, np.linspace(0.2, 0.8, 200), atol=0.1)


@pytest.mark.parametrize("kind", noise.KINDS)
def test_amount_0_changes_nothing_and_amounts_have_limits(kind: str) -> None:
    original = COLOR.copy()
    np.testing.assert_array_equal(add_noise(COLOR, kind, 0), original)
    np.testing.assert_array_equal(COLOR, original)
    maximum = 1 if kind in ("salt_and_pepper", "masking") else 2
    for valid in (0, maximum):
        noise.check_amount(kind, valid)
    for invalid in (-0.1, maximum + 0.1, float("nan")):
        with pytest.raises(ValueError, match=f"{kind} noise must be from 0 to {maximum}, as a"):
            noise.check_amount(kind, invalid)
