"""denoiser/losses.py, compared with denoiser/scores.py."""

import keras
import numpy as np
import pytest

from denoiser import losses, scores

CLEAN = np.random.default_rng(0).random((5, 14 * 14), np.float32)
NOISY = np.clip(CLEAN + np.random.default_rng(1).normal(0, 0.2, CLEAN.shape), 0, 1).astype("f4")


def loss(name: str, images: np.ndarray) -> np.ndarray:
    """The loss of each image."""
    return np.asarray(losses.get(name)(keras.ops.array(CLEAN), keras.ops.array(images)))


def test_psnr_is_the_negative_score() -> None:
    expected = -scores.score(CLEAN, NOISY)["psnr"]
    np.testing.assert_allclose(loss("psnr", NOISY), expected, rtol=1e-5)


def test_ssim_mixes_the_score_with_the_mean_absolute_error() -> None:
    ssim = scores.score(CLEAN, NOISY)["ssim"]
    expected = 0.84 * (1 - ssim) + 0.16 * np.abs(CLEAN - NOISY).mean(axis=1)
    np.testing.assert_allclose(loss("ssim", NOISY), expected, rtol=1e-4)


@pytest.mark.parametrize(("name", "lowest"), [("psnr", -80), ("ssim", 0)])
def test_an_unchanged_image_has_the_lowest_loss(name: str, lowest: float) -> None:
    np.testing.assert_allclose(loss(name, CLEAN), lowest, atol=1e-5)
    assert (loss(name, NOISY) > lowest).all()


def test_other_names_are_losses_of_keras() -> None:
    assert keras.losses.get(losses.get("mae")) is keras.losses.mean_absolute_error
