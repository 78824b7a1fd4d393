"""pipeline/base/noise.py."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from denoiser.base.images import Float32
from pipeline.base import noise

COLOR = np.random.default_rng(0).random((4, 5, 9, 3), np.float32)  # neither square nor gray


def add_noise(clean: Float32, kind: str, amount: noise.Amount) -> Float32:
    noisy: Float32 = noise.add_noise(clean, kind, amount, noise.generator(1, "train", 0))
    return noisy


FORMULAS: dict[str, Callable[..., Float32]] = {
    "uniform": lambda x, a, rng: x + a * rng.random(x.shape, "f4"),
    "gaussian": lambda x, a, rng: x + a * rng.standard_normal(x.shape, "f4"),
    "salt_and_pepper": lambda x, a, rng: np.where(
        (draw := rng.random(x.shape, "f4")) < a, draw < a / 2, x
    ),
    "speckle": lambda x, a, rng: x + x * (a * rng.standard_normal(x.shape, "f4")),
    "poisson": lambda x, a, rng: a**2 * rng.poisson(x / a**2).astype("f4"),
    "masking": lambda x, a, rng: x * (rng.random(x.shape, "f4") >= a),
}


@pytest.mark.parametrize("kind", noise.KINDS)
@pytest.mark.parametrize("amount", [0.5, (0.2, 0.8)])
def test_the_noise_of_a_seed_never_changes(kind: str, amount: noise.Amount) -> None:
    """Other random numbers, or in another order, would change all committed results."""
    rng = np.random.default_rng([42, *b"val", 3])
    a = amount if isinstance(amount, float) else rng.uniform(*amount, (4, 1, 1, 1))
    expected = FORMULAS[kind](COLOR, np.asarray(a, np.float32), rng)
    for clip, values in ((False, expected), (True, expected.clip(0, 1))):
        rng = noise.generator(42, "val", 3)
        noisy = noise.add_noise(COLOR, kind, amount, rng, clip=clip)
        assert noisy.dtype == np.float32
        np.testing.assert_array_equal(noisy, values)


def test_a_kind_gets_whole_images(monkeypatch: pytest.MonkeyPatch) -> None:
    def blur(images: Any, amount: Any, rng: Any, xp: Any) -> Any:
        return uniform_filter(images, (0, 3, 3, 0)) + amount

    monkeypatch.setitem(noise.KINDS, "blur", noise.Kind(blur))
    image = np.zeros((1, 5, 9, 3), np.float32)
    image[0, 2, 4, 1] = 0.9
    expected = image * 0
    expected[0, 1:4, 3:6, 1] = 0.1
    np.testing.assert_allclose(add_noise(image, "blur", 0), expected, atol=1e-6)


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
