"""denoiser/scores.py, compared with values computed by hand and with scikit-image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from denoiser import scores

RNG = np.random.default_rng(0)


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
    clean = RNG.random((6, 14, 28, channels), np.float32)
    images = np.clip(clean + RNG.normal(0, 0.2, clean.shape), 0, 1).astype(np.float32)
    expected = [
        structural_similarity(
            *(array.astype(float) for array in pair),
            data_range=1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=2,
        )
        for pair in zip(clean, images, strict=True)
    ]
    np.testing.assert_allclose(scores.score(clean, images)["ssim"], expected, rtol=1e-12)


def test_ssim_of_flat_images() -> None:
    """They differ only in luminance: (2ab + C1) / (a² + b² + C1), C1 = 0.01²."""
    clean, images = (np.full((1, 11, 11, 1), value, np.float32) for value in (0.5, 0.25))
    expected = (2 * 0.5 * 0.25 + 0.0001) / (0.5**2 + 0.25**2 + 0.0001)
    assert scores.score(clean, images)["ssim"] == pytest.approx(expected)


def test_identical_images_get_the_best_scores() -> None:
    images = RNG.random((2, 11, 13, 3), np.float32)
    result = {name: values.tolist() for name, values in scores.score(images, images).items()}
    assert result == {"mse": [0, 0], "psnr": [100, 100], "ssim": [1, 1]}


def test_means_round_and_replace_nan_by_none() -> None:
    assert scores.means({"a": np.array([1, 2.0000026]), "b": np.array([np.nan, 1])}) == {
        "a": 1.500001,
        "b": None,
    }


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 4), side=st.sampled_from([1, 10, 11]))
def test_scores_of_random_images(seed: int, count: int, side: int) -> None:
    clean, images = np.random.default_rng(seed).random((2, count, side, 12, 3), np.float32)
    result = scores.score(clean, images)
    mse = ((clean - images) ** 2).reshape(count, -1).mean(axis=1)
    np.testing.assert_allclose(result["mse"], mse, rtol=1e-4)
    np.testing.assert_allclose(result["psnr"], -10 * np.log10(result["mse"]))
    swapped = scores.score(images, clean)  # every metric is symmetric
    one_by_one = scores.score_all((clean[i : i + 1], images[i : i + 1]) for i in range(count))
    for name, values in result.items():
        assert values.shape == (count,)
        np.testing.assert_allclose(swapped[name], values)
        np.testing.assert_allclose(one_by_one[name], values)
    assert np.isnan(result["ssim"]).all() == (side < 11)
    assert not (np.abs(result["ssim"]) > 1).any()
