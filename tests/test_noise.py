"""denoiser/noise.py."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import uniform_filter
from skimage.util import random_noise

from denoiser import noise

COLOR = np.random.default_rng(0).random((4, 5, 9, 3), np.float32)  # neither square nor gray


def add_noise(clean: noise.Images, kind: str, amount: noise.Amount) -> noise.Images:
    noisy: noise.Images = noise.add_noise(clean, kind, amount, noise.generator(1, "train", 0))
    return noisy


@pytest.mark.parametrize("kind", noise.KINDS)
def test_amount_0_changes_nothing(kind: str) -> None:
    original = COLOR.copy()
    np.testing.assert_array_equal(add_noise(COLOR, kind, 0), original)
    np.testing.assert_array_equal(COLOR, original)


def salt_and_pepper(x: noise.Images, a: noise.Images, rng: np.random.Generator) -> noise.Images:
    draw = rng.random(x.shape, "f4")
    return np.where(draw < a / 2, 1, np.where(draw < a, 0, x))


FORMULAS: dict[str, Callable[..., noise.Images]] = {
    "uniform": lambda x, a, rng: x + a * rng.random(x.shape, "f4"),
    "gaussian": lambda x, a, rng: x + a * rng.standard_normal(x.shape, "f4"),
    "salt_and_pepper": salt_and_pepper,
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


@pytest.mark.parametrize(
    ("kind", "maximum"),
    [("salt_and_pepper", 1), ("masking", 1), ("uniform", 100), ("poisson", 100)],
)
def test_an_amount_has_limits(kind: str, maximum: int) -> None:
    for valid in (0, maximum):
        noise.check_amount(kind, valid)
    for invalid in (-0.1, maximum + 0.1, float("nan")):
        with pytest.raises(ValueError, match=f"{kind} noise.* must be from 0 to {maximum}$"):
            noise.check_amount(kind, invalid)


@pytest.mark.parametrize(
    ("kind", "mode", "amount", "settings"),
    [
        ("gaussian", "gaussian", 0.3, {"var": 0.3**2}),
        ("speckle", "speckle", 0.5, {"var": 0.5**2}),
        ("salt_and_pepper", "s&p", 0.4, {"amount": 0.4}),
        ("masking", "pepper", 0.4, {"amount": 0.4}),
    ],
)
@pytest.mark.parametrize("level", [0.2, 0.5, 0.9])
def test_distribution_equals_that_of_scikit_image(
    kind: str, mode: str, amount: float, settings: dict[str, float], level: float
) -> None:
    clean = np.full((200, 28, 28, 1), level, np.float32)
    noisy, expected = add_noise(clean, kind, amount), random_noise(clean, mode, rng=2, **settings)
    for bound in np.linspace(0, 1, 21):
        fractions = [np.mean(images <= bound + 1e-6) for images in (noisy, expected)]
        assert fractions[0] == pytest.approx(fractions[1], abs=0.006)
