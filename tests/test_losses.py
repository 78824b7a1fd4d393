"""denoiser/losses.py, compared with denoiser/scores.py."""

import keras
import numpy as np
import pytest

from denoiser import losses, scores

RNG = np.random.default_rng(0)


def noisy(clean: np.ndarray) -> np.ndarray:
    return np.clip(clean + RNG.normal(0, 0.2, clean.shape), 0, 1).astype(np.float32)


CLEAN = RNG.random((5, 14 * 14), np.float32)
NOISY = noisy(CLEAN)


def loss(name: str, images: np.ndarray, clean: np.ndarray = CLEAN) -> np.ndarray:
    """The loss of each image."""
    return np.asarray(losses.get(name)(keras.ops.array(clean), keras.ops.array(images)))


def test_psnr_is_the_negative_score() -> None:
    expected = -scores.score(CLEAN, NOISY)["psnr"]
    np.testing.assert_allclose(loss("psnr", NOISY), expected, rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_mixes_the_score_with_the_mean_absolute_error(channels: int) -> None:
    clean = RNG.random((5, 14 * 14 * channels), np.float32)
    images = noisy(clean)
    ssim = scores.score(clean, images)["ssim"]
    expected = 0.84 * (1 - ssim) + 0.16 * np.abs(clean - images).mean(axis=1)
    np.testing.assert_allclose(loss("ssim", images, clean), expected, rtol=1e-4)


@pytest.mark.parametrize(("name", "lowest"), [("psnr", -80), ("ssim", 0)])
def test_an_unchanged_image_has_the_lowest_loss(name: str, lowest: float) -> None:
    np.testing.assert_allclose(loss(name, CLEAN), lowest, atol=1e-5)
    assert (loss(name, NOISY) > lowest).all()


def test_other_names_are_losses_of_keras() -> None:
    assert keras.losses.get(losses.get("mae")) is keras.losses.mean_absolute_error
