"""denoiser/classical.py, compared with scikit-learn and with results computed by hand."""

from collections.abc import Callable

import numpy as np
import pytest
from skimage.restoration import denoise_tv_chambolle
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge

from denoiser import classical, noise, scores

RNG = np.random.default_rng(0)
CLEAN = (RNG.random((300, 3)) @ RNG.random((3, 16)) / 3).astype(np.float32).reshape(300, 2, 8, 1)
NOISY = noise.add_noise(CLEAN, "gaussian", 0.1, np.random.default_rng(1))


@pytest.fixture(scope="module")
def linear() -> classical.Linear:
    """Fitted to blocks of 7, 93 and 200 images."""
    blocks = zip(np.split(NOISY, [7, 100]), np.split(CLEAN, [7, 100]), strict=True)
    return classical.Linear(blocks, 16)


@pytest.mark.parametrize("penalty", [1e-4, 0.1, 10])
def test_ridge_equals_scikit_learn(linear: classical.Linear, penalty: float) -> None:
    noisy, clean = (images.reshape(300, 16).astype(float) for images in (NOISY, CLEAN))
    alpha = penalty * noisy.var(axis=0).mean() * len(noisy)
    expected = Ridge(alpha).fit(noisy, clean).predict(noisy).reshape(NOISY.shape)
    np.testing.assert_allclose(linear.ridge(penalty)(NOISY), expected.clip(0, 1), atol=1e-5)


@pytest.mark.parametrize("components", [1, 3, 16])
def test_pca_equals_scikit_learn(linear: classical.Linear, components: int) -> None:
    noisy, clean = (images.reshape(300, 16).astype(float) for images in (NOISY, CLEAN))
    codes = PCA(components).fit_transform(noisy)
    expected = LinearRegression().fit(codes, clean).predict(codes).reshape(NOISY.shape)
    np.testing.assert_allclose(linear.pca(components)(NOISY), expected.clip(0, 1), atol=1e-5)


def test_pca_accepts_constant_pixels() -> None:
    noisy, clean = NOISY.copy(), CLEAN.copy()
    noisy[:, 0, 3] = clean[:, 0, 3] = 0.25
    denoised = classical.Linear([(noisy, clean)], 16).pca(16)(noisy)
    np.testing.assert_allclose(denoised[:, 0, 3], 0.25, atol=1e-5)
    assert np.isfinite(denoised).all()


def test_mean_removes_a_constant() -> None:
    noisy = CLEAN + np.float32(0.2)
    _, denoiser = classical.TUNED["mean"](noisy, CLEAN)
    np.testing.assert_allclose(denoiser(noisy), CLEAN, atol=1e-6)


@pytest.mark.parametrize(
    ("method", "setting"),
    [
        (classical.median, 3),
        (classical.gaussian, 0.7),
        (classical.non_local_means, 0.1),
        (classical.total_variation, 0.1),
    ],
)
def test_filters_smooth_each_image_and_each_channel_separately(
    method: Callable[..., classical.Images], setting: float
) -> None:
    images = RNG.random((2, 8, 13, 3), np.float32)
    filtered = method(images, setting)
    assert filtered.dtype == np.float32
    assert filtered.std() < images.std()
    for image, expected in zip(images, filtered, strict=True):
        for channel in range(3):
            plane = method(image[None, :, :, channel, None], setting)[0, :, :, 0]
            np.testing.assert_allclose(plane, expected[:, :, channel], atol=1e-6)


def test_median_removes_isolated_pixels() -> None:
    image = np.zeros((1, 5, 5, 1), np.float32)
    image[0, [2, 1], [2, 1]] = 1  # two of the nine pixels of the window around the center
    np.testing.assert_array_equal(classical.median(image, 3), image * 0)


@pytest.mark.parametrize("weight", [0.05, 0.2, 1])
def test_total_variation_equals_scikit_image(weight: float) -> None:
    images = RNG.random((4, 12, 9, 1), np.float32)
    # scikit-image returns the image before the last of its iterations.
    iterations = classical.TV_ITERATIONS + 1
    expected = [
        denoise_tv_chambolle(image[:, :, 0], weight, eps=0, max_num_iter=iterations)
        for image in images
    ]
    denoised = classical.total_variation(images, weight)
    np.testing.assert_allclose(denoised[..., 0], expected, atol=1e-5)


def test_affine_correction_restores_brightness_and_contrast() -> None:
    levels = np.linspace(0.2, 0.8, 9, dtype=np.float32).reshape(9, 1, 1, 1)
    noisy = levels * 0.5 + 0.3
    correct = classical.affine_correction(noisy, levels)
    np.testing.assert_allclose(correct(noisy), levels, atol=1e-5)


def test_affine_correction_accepts_constant_images() -> None:
    noisy, clean = (np.full((2, 5, 5, 1), value, np.float32) for value in (0, 0.5))
    np.testing.assert_allclose(classical.affine_correction(noisy, clean)(noisy), clean)


def test_a_filter_is_tuned_for_the_highest_psnr() -> None:
    clean = np.zeros((1, 16, 16, 1), np.float32)
    clean[:, :, 8:] = 1
    spot = clean.copy()
    spot[:, 4:6, 2:5] = 1  # most pixels of a window of 3x3 pixels, a minority in larger windows
    noisy = spot * 0.5 + 0.3
    setting, denoiser = classical.TUNED["median"](noisy, clean)
    assert setting == 5
    np.testing.assert_allclose(denoiser(noisy), clean, atol=1e-6)


def test_ridge_is_tuned_for_the_highest_psnr(linear: classical.Linear) -> None:
    penalty, denoiser = classical.LINEAR["ridge"](linear, NOISY, CLEAN, 1)
    assert penalty is not None
    np.testing.assert_array_equal(denoiser(NOISY), linear.ridge(penalty)(NOISY))
    results = [linear.ridge(other)(NOISY) for other in classical.PENALTIES]
    best = max(scores.score(CLEAN, result)["psnr"].mean() for result in results)
    assert scores.score(CLEAN, denoiser(NOISY))["psnr"].mean() == best
