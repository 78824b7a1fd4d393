"""pipeline/scores.py, compared with scikit-image, and training/losses.py."""

import keras
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from pipeline import scores
from training.losses import LOSSES

RNG = np.random.default_rng(0)
CLEAN = RNG.random((6, 14, 28, 3), np.float32)
NOISY = np.clip(CLEAN + RNG.normal(0, 0.2, CLEAN.shape), 0.1, 0.9).astype(np.float32)
NOISY[5] = CLEAN[5]


def test_mse_and_psnr_of_known_errors() -> None:
    clean = np.zeros((3, 2, 8, 1), np.float32)
    images = clean.copy()
    images[1] = 0.5  # MSE 1/4, PSNR 10·log10(4)
    images[2, 0, 3] = 1  # MSE 1/16, PSNR 10·log10(16)
    result = scores.score(clean, images)
    np.testing.assert_allclose(result["mse"], [0, 0.25, 0.0625])
    np.testing.assert_allclose(result["psnr"], [100, 6.0206, 12.0412], atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_equals_scikit_image_for_each_image(channels: int) -> None:
    clean, images = CLEAN[..., :channels], NOISY[..., :channels]
    settings = {"data_range": 1, "gaussian_weights": True, "sigma": 1.5, "channel_axis": 2}
    expected = [
        structural_similarity(a, b, **settings, use_sample_covariance=False)
        for a, b in zip(clean.astype(float), images.astype(float), strict=True)
    ]
    assert expected[5] == 1
    np.testing.assert_allclose(scores.score(clean, images)["ssim"], expected, rtol=1e-12)


def test_means_round_and_replace_nan_by_none() -> None:
    means = scores.means({"a": np.array([1, 2.0000026]), "b": np.array([np.nan, 1])})
    assert means == {"a": 1.500001, "b": None}


def test_images_are_scored_one_by_one_and_small_ones_have_no_ssim() -> None:
    for side in (1, 10, 11):
        clean, images = CLEAN[:, :side], NOISY[:, :side]
        result = scores.score(clean, images)
        one_by_one = scores.score_all((clean[[i]], images[[i]]) for i in range(6))
        for name, values in result.items():
            assert values.shape == (6,)
            np.testing.assert_allclose(one_by_one[name], values)
        assert np.isnan(result["ssim"]).all() == (side < 11)


def loss(name: str, images: np.ndarray, clean: np.ndarray = CLEAN) -> np.ndarray:
    """The loss of each image, or, for losses of Keras, of each pixel."""
    function = keras.losses.get(LOSSES[name].function)
    return np.asarray(function(keras.ops.array(clean), keras.ops.array(images)))


@pytest.mark.parametrize("channels", [1, 3])
def test_losses_follow_the_scores(channels: int) -> None:
    clean, images = CLEAN[:5, ..., :channels], NOISY[:5, ..., :channels]
    score, mae = scores.score(clean, images), np.abs(clean - images).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(loss("psnr", images, clean), -score["psnr"], rtol=1e-5)
    assert loss("mse", images, clean).mean() == pytest.approx(score["mse"].mean(), rel=1e-5)
    assert loss("mae", images, clean).mean() == pytest.approx(mae.mean(), rel=1e-5)
    entropy = -np.mean(clean * np.log(images) + (1 - clean) * np.log(1 - images))
    actual = loss("binary_crossentropy", images, clean).mean()
    assert actual == pytest.approx(entropy, rel=1e-5)
    np.testing.assert_allclose(loss("psnr", CLEAN), -80, atol=1e-5)
