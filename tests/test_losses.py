"""training/losses.py, compared with denoiser/scores.py."""

import keras
import numpy as np
import pytest

from denoiser import scores
from training.losses import LOSSES

RNG = np.random.default_rng(0)
CLEAN = RNG.random((5, 14, 16, 3), np.float32)
NOISY = np.clip(CLEAN + RNG.normal(0, 0.2, CLEAN.shape), 0, 1).astype(np.float32)


def loss(name: str, images: np.ndarray, clean: np.ndarray = CLEAN) -> np.ndarray:
    """The loss of each image, or, for losses of Keras, of each pixel."""
    function = keras.losses.get(LOSSES[name])
    return np.asarray(function(keras.ops.array(clean), keras.ops.array(images)))


def test_psnr_is_the_negative_score() -> None:
    expected = -scores.score(CLEAN, NOISY)["psnr"]
    np.testing.assert_allclose(loss("psnr", NOISY), expected, rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_mixes_the_score_with_the_mean_absolute_error(channels: int) -> None:
    clean, images = CLEAN[..., :channels], NOISY[..., :channels]
    ssim = scores.score(clean, images)["ssim"]
    expected = 0.84 * (1 - ssim) + 0.16 * np.abs(clean - images).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(loss("ssim", images, clean), expected, rtol=1e-4)


@pytest.mark.parametrize(("name", "lowest"), [("psnr", -80), ("ssim", 0), ("mse", 0), ("mae", 0)])
def test_an_unchanged_image_has_the_lowest_loss(name: str, lowest: float) -> None:
    np.testing.assert_allclose(loss(name, CLEAN), lowest, atol=1e-5)
    assert (loss(name, NOISY) > lowest).all()


def test_binary_crossentropy_is_the_mean_over_all_values() -> None:
    noisy = np.clip(NOISY, 0.1, 0.9)
    expected = -np.mean(CLEAN * np.log(noisy) + (1 - CLEAN) * np.log(1 - noisy))
    assert loss("binary_crossentropy", noisy).mean() == pytest.approx(expected, rel=1e-5)
