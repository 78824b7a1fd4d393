"""denoiser/scores.py, compared with values computed by hand and with scikit-image."""

import numpy as np
import pytest
import skimage.metrics
from hypothesis import given
from hypothesis import strategies as st

from denoiser import scores

RNG = np.random.default_rng(0)


def test_mse_and_psnr_of_known_errors() -> None:
    clean = np.zeros((3, 16), np.float32)
    images = clean.copy()
    images[1] = 0.5  # MSE 1/4, PSNR 10·log10(4)
    images[2, 0] = 1  # MSE 1/16, PSNR 10·log10(16)
    result = scores.score(clean, images)
    np.testing.assert_allclose(result["mse"], [0, 0.25, 0.0625])
    np.testing.assert_allclose(result["psnr"], [100, 6.0206, 12.0412], atol=1e-4)


def ssim_of_scikit_image(clean: np.ndarray, images: np.ndarray) -> list[float]:
    """The SSIM of each image; the arrays have shape (n, side, side, channels)."""
    return [
        skimage.metrics.structural_similarity(
            *(array.astype(float) for array in pair),
            data_range=1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=2,
        )
        for pair in zip(clean, images, strict=True)
    ]


def test_ssim_equals_scikit_image_for_each_image() -> None:
    clean = RNG.random((6, 28 * 28), np.float32)
    images = np.clip(clean + RNG.normal(0, 0.2, clean.shape), 0, 1).astype(np.float32)
    expected = ssim_of_scikit_image(*(a.reshape(6, 28, 28, 1) for a in (clean, images)))
    np.testing.assert_allclose(scores.score(clean, images)["ssim"], expected, rtol=1e-12)


def test_ssim_of_a_color_image_is_the_mean_over_its_channels() -> None:
    clean, images = RNG.random((2, 4, 12, 12, 3), np.float32)
    expected = ssim_of_scikit_image(clean, images)
    result = scores.score(clean.reshape(4, -1), images.reshape(4, -1))
    np.testing.assert_allclose(result["ssim"], expected, rtol=1e-12)


def test_ssim_of_flat_images() -> None:
    """They differ only in luminance: (2ab + C1) / (a² + b² + C1), C1 = 0.01²."""
    clean, images = np.full((1, 121), 0.5, np.float32), np.full((1, 121), 0.25, np.float32)
    expected = (2 * 0.5 * 0.25 + 0.0001) / (0.5**2 + 0.25**2 + 0.0001)
    assert scores.score(clean, images)["ssim"] == pytest.approx(expected)


def test_identical_images_get_the_best_scores() -> None:
    images = RNG.random((2, 121), np.float32)
    result = {name: values.tolist() for name, values in scores.score(images, images).items()}
    assert result == {"mse": [0, 0], "psnr": [100, 100], "ssim": [1, 1]}


def test_means_round_and_replace_nan_by_none() -> None:
    assert scores.means({"a": np.array([1, 2.0000026]), "b": np.array([np.nan, 1])}) == {
        "a": 1.500001,
        "b": None,
    }


@given(
    seed=st.integers(0, 2**32 - 1), count=st.integers(1, 4), side=st.sampled_from([1, 5, 11, 14])
)
def test_scores_of_random_images(seed: int, count: int, side: int) -> None:
    clean, images = np.random.default_rng(seed).random((2, count, side**2), np.float32)
    result = scores.score(clean, images)
    np.testing.assert_allclose(result["mse"], ((clean - images) ** 2).mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(result["psnr"], -10 * np.log10(result["mse"]))
    swapped = scores.score(images, clean)  # every metric is symmetric
    blocks = scores.score_blocks(
        (clean[row : row + 1], images[row : row + 1]) for row in range(count)
    )
    for name, values in result.items():
        assert values.shape == (count,)
        np.testing.assert_allclose(swapped[name], values)
        np.testing.assert_allclose(blocks[name], values)
    assert np.isnan(result["ssim"]).all() == (side < 11)
    assert not (np.abs(result["ssim"]) > 1).any()
