"""denoiser/losses.py: against the scores that they are losses of."""

import keras
import numpy as np
import pytest

from denoiser import losses, scores

CLEAN = np.random.default_rng(0).random((5, 14 * 14), np.float32)
NOISY = np.clip(CLEAN + np.random.default_rng(1).normal(0, 0.2, CLEAN.shape), 0, 1).astype("f4")


def test_psnr_is_minus_the_score() -> None:
    loss = np.asarray(losses.psnr(keras.ops.array(CLEAN), keras.ops.array(NOISY)))
    np.testing.assert_allclose(loss, -scores.score(CLEAN, NOISY)["psnr"], rtol=1e-5)


def test_ssim_is_the_scores_mixed_with_mae() -> None:
    loss = np.asarray(losses.ssim(keras.ops.array(CLEAN), keras.ops.array(NOISY)))
    ssim = scores.score(CLEAN, NOISY)["ssim"]
    expected = 0.84 * (1 - ssim) + 0.16 * np.abs(CLEAN - NOISY).mean(axis=1)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["psnr", "ssim"])
def test_an_unchanged_image_has_the_lowest_loss(name: str) -> None:
    same, other = (
        np.asarray(losses.get(name)(keras.ops.array(CLEAN), keras.ops.array(images)))
        for images in (CLEAN, NOISY)
    )
    np.testing.assert_allclose(same, {"psnr": -80, "ssim": 0}[name], atol=1e-5)
    assert (same < other).all()


def test_others_are_keras_own() -> None:
    assert losses.get("mae") == "mae"
